using Softswitch.Datapath.Control;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Null;
using Softswitch.Ports.Pcap;

namespace Softswitch.Bench.Compare;

/// <summary>This switch: one real worker with a replaying port and a null port, and its agent on loopback.</summary>
internal sealed class OwnSwitch : ComparedSwitch
{
    private readonly MeasuredSwitch _bench;
    private MeasuredWorkers? _workers;

    /// <param name="frames">What port 1 receives; null for nothing.</param>
    /// <param name="maxEntries">Of the exact table.</param>
    public OwnSwitch(IEnumerable<ReadOnlyMemory<byte>>? frames, int maxEntries)
        : base("softswitch")
    {
        _bench = new MeasuredSwitch(new DatapathOptions { MaxExactEntries = Math.Max(1 << 16, maxEntries) });
        try
        {
            _bench.AddPort(Input, frames == null ? new NullPort("input") : ReplayPort.FromFrames("input", frames));
            _bench.AddPort(Sink, new NullPort("sink"));
            _bench.StartService();
            Client = OfClient.Connect(_bench.Listen(), Patience);
        }
        catch
        {
            _bench.Dispose();
            throw;
        }
    }

    public override OfClient Client { get; }

    public override void Resume() => _workers = new MeasuredWorkers(_bench.Control.Workers);

    public override void Rest()
    {
        _workers?.Stop();
        _workers = null;
    }

    public override void WarmUp(double seconds, CancellationToken cancellation) => MeasuredWorkers.WarmUp(seconds, cancellation);

    public override Func<Interference> Watch()
    {
        var watch = new MachineWatch();
        WorkerSample[] before = _workers!.TakeSamples();
        return () => watch.ReadThread(MeasuredWorkers.Rates(before, _workers.TakeSamples()).CpuShare);
    }

    public override void Dispose()
    {
        _workers?.Dispose();
        Client.Dispose();
        _bench.Dispose();
    }
}
