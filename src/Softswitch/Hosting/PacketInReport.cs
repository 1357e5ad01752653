using Softswitch.Datapath.Control;
using Softswitch.Datapath.Workers;

namespace Softswitch.Hosting;

/// <summary>Says now and then how many packets the limit kept from the controllers. One thread.</summary>
internal sealed class PacketInReport(DatapathControl control, Action<string> log)
{
    private const int IntervalMilliseconds = 10_000;

    private long _reported;
    private long _nextAt = Environment.TickCount64;

    public void Update()
    {
        if (Environment.TickCount64 < _nextAt)
        {
            return;
        }
        long dropped = control.ReadDrops(DropReason.PacketInLimit);
        if (dropped == _reported)
        {
            return;
        }
        log($"packet-ins: {dropped - _reported} more dropped by the limit, {dropped} in all (--packet-in-rate)");
        _reported = dropped;
        _nextAt = Environment.TickCount64 + IntervalMilliseconds;
    }
}
