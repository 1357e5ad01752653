using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Text;

namespace Softswitch.Hosting;

/// <summary>A flow entry as it was at one moment, and what it has counted.</summary>
/// <param name="Match">Normalised: fields that are not compared are wildcarded and 0.</param>
/// <param name="Priority">0 to 65535; entries without wildcards win whatever theirs is.</param>
/// <param name="Cookie">As given with the entry.</param>
/// <param name="Duration">Time since it was added.</param>
/// <param name="IdleTimeoutSeconds">Seconds without a packet after which it goes; 0 for never.</param>
/// <param name="HardTimeoutSeconds">Seconds after which it goes; 0 for never.</param>
/// <param name="Packets">How many packets it has matched.</param>
/// <param name="Bytes">Of these packets, from the Ethernet header on.</param>
/// <param name="Actions">In order; none drops.</param>
public sealed record FlowReport(
    FlowMatch Match,
    ushort Priority,
    ulong Cookie,
    TimeSpan Duration,
    ushort IdleTimeoutSeconds,
    ushort HardTimeoutSeconds,
    ulong Packets,
    ulong Bytes,
    IReadOnlyList<FlowAction> Actions)
{
    internal FlowReport(in FlowStatistics entry)
        : this(
            entry.Match, entry.Priority, entry.Cookie, entry.Duration, entry.IdleTimeoutSeconds, entry.HardTimeoutSeconds,
            entry.PacketCount, entry.ByteCount, entry.Actions.ToArray())
    {
    }

    /// <returns>A line as <c>ovs-ofctl dump-flows</c> prints it.</returns>
    public override string ToString()
    {
        StringBuilder text = new();
        FlowText.AppendStatistics(text, new FlowStatistics
        {
            Match = Match,
            Priority = Priority,
            Cookie = Cookie,
            Duration = Duration,
            IdleTimeoutSeconds = IdleTimeoutSeconds,
            HardTimeoutSeconds = HardTimeoutSeconds,
            PacketCount = Packets,
            ByteCount = Bytes,
            Actions = [.. Actions],
        });
        return text.ToString(1, text.Length - 1);
    }
}
