using BenchmarkDotNet.Attributes;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Tables;

namespace Softswitch.Microbenchmarks;

/// <summary>One lookup after the other: nanoseconds a packet. The pipeline overlaps those of a batch and is faster.</summary>
public abstract class LookupBenchmarks
{
    private protected DatapathControl Control { get; private set; } = null!;

    private protected PacketSet Set { get; private set; } = null!;

    private protected void Fill(int flows, IEnumerable<FlowMatch> matches)
    {
        Set = new PacketSet(flows);
        Control = new DatapathControl(new DatapathOptions { FrameCount = 64, LargeFrameCount = 1 });
        foreach (FlowMatch match in matches)
        {
            ControlError error = Control.Apply(new FlowMod { Match = match, Actions = [FlowAction.Output(2)] });
            if (error != ControlError.None)
            {
                throw new InvalidOperationException($"the table refuses an entry: {error}");
            }
        }
    }

    private protected long FindAll()
    {
        using BatchClassifier classifier = new(Control.Table, cacheCapacity: 0);
        long sum = 0;
        foreach (ref readonly FlowKey key in Set.Keys.AsSpan())
        {
            sum += classifier.Find(key);
        }
        return sum;
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        Control.Dispose();
        Set.Dispose();
    }
}

/// <summary>Entries without wildcards.</summary>
public class ExactLookupBenchmarks : LookupBenchmarks
{
    [Params(64, 1000, 32_000, 1_000_000)]
    public int Entries { get; set; }

    [GlobalSetup]
    public void Setup() => Fill(Entries, Enumerable.Range(0, Entries).Select(PacketSet.MatchOf));

    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public long Find() => FindAll();
}

/// <summary>Destination prefixes, every packet in one prefix of each length.</summary>
public class WildcardLookupBenchmarks : LookupBenchmarks
{
    private const int Flows = 1000;

    /// <summary>Different masks; prefixes grow longer from /32 downwards.</summary>
    [Params(1, 4, 16)]
    public int Masks { get; set; }

    [GlobalSetup]
    public void Setup() => Fill(Flows, Enumerable.Range(0, Masks).SelectMany(mask => Enumerable.Range(0, Flows).Select(flow => Prefix(flow, 32 - mask))));

    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public long Find() => FindAll();

    private static FlowMatch Prefix(int flow, int length)
    {
        FlowMatch match = FlowMatch.Any with { DlType = 0x0800, NwDst = PacketSet.DestinationOf(flow) & (uint.MaxValue << (32 - length)) };
        match.Wildcards &= ~FlowWildcards.DlType;
        match.SetNwWildBits(32, 32 - length);
        return match;
    }
}
