using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Io;

/// <summary>So many packets offered to a switch for so long, and what became of them.</summary>
/// <param name="Latencies">From the generator's program to the sink's.</param>
/// <param name="CpuNanoseconds">Processor time of the switch's process and of the kernel's softirq thread on its processor.</param>
/// <param name="Drops">Packets counted as dropped, by place; places without any are left out.</param>
/// <param name="Waited">How long the generator, or that thread of the switch that had to wait longest, could have run but another thread ran.</param>
internal sealed record IoTrial(
    TimeSpan Elapsed, long Offered, SinkCounts Arrived, Histogram Latencies, long CpuNanoseconds, IReadOnlyDictionary<string, long> Drops, TimeSpan Waited)
    : FrameTrial(Elapsed, Offered, Arrived)
{
    /// <summary>The generator's part of that.</summary>
    public TimeSpan GeneratorWaited { get; init; }

    /// <summary>Cycles of the clock the processor is said to have, for each packet delivered.</summary>
    public double CyclesPerPacket => Arrived.Delivered == 0 ? 0 : CpuNanoseconds * Machine.Gigahertz / Arrived.Delivered;

    /// <summary>Lost packets that no counter has.</summary>
    public long Uncounted => Math.Max(0, Lost - Drops.Values.Sum());
}
