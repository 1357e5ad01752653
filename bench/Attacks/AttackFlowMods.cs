using System.Diagnostics;
using Softswitch.Bench.Flows;
using Softswitch.Datapath.Flows;
using Softswitch.Lab.Linux;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Attacks;

/// <summary>Flow-mods applied one by one, each timed by the processor time it took.</summary>
/// <remarks>
/// By processor time, as what else runs on the machine is not theirs. To read that clock takes a part of a microsecond, which is in the figures.
/// </remarks>
internal sealed class AttackFlowMods(MeasuredSwitch bench, ushort sink, CancellationToken cancellation)
{
    // Deleted and added again under traffic, to see what that costs.
    private const int Sample = 20_000;
    private const int WarmUpSample = 1000;
    private static readonly TimeSpan WarmUpTime = TimeSpan.FromSeconds(0.3);

    // A rate over fewer says more about the clock than about the table.
    private const int Window = 1000;

    private readonly FlowAction[] _actions = [FlowAction.Output(sink)];
    private readonly List<long> _nanoseconds = [];
    private readonly List<(string Name, double Value)> _figures = [];

    /// <summary>Makes the table, timed. Before, a few entries come and go for the compiler.</summary>
    /// <returns>Different masks of the entries that are there then.</returns>
    public int Build(AttackSet set)
    {
        AttackChange[] few = [.. set.Changes.Where(change => !change.IsDelete).Take(WarmUpSample)];
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < WarmUpTime;)
        {
            Array.ForEach(few, Apply);
            Array.ForEach(few, change => Apply(change with { IsDelete = true }));
        }
        _nanoseconds.Clear();
        foreach (AttackChange change in set.Changes)
        {
            Apply(change);
        }
        Summarise(string.Empty);
        return set.Entries.Select(entry => entry.Match.Wildcards).Distinct().Count();
    }

    /// <summary>Deletes a sample of the entries and adds it again, timed, while packets are looked up.</summary>
    public void ChangeUnderTraffic(AttackSet set)
    {
        BenchEntry[] sample = [.. set.Entries.Skip(1)];
        new Random(Sample).Shuffle(sample);
        sample = sample[..Math.Min(Sample, sample.Length)];
        _nanoseconds.Clear();
        Array.ForEach(sample, entry => Apply(new AttackChange(entry, IsDelete: true)));
        Array.ForEach(sample, entry => Apply(new AttackChange(entry, IsDelete: false)));
        Summarise("UnderTraffic");
    }

    /// <summary>
    /// Adds <c>flowModsPerSecond</c>, the least of it over a thousand in a row, and the longest single one; the same under traffic.
    /// </summary>
    public void Report(BenchResult result)
    {
        foreach ((string name, double value) in _figures)
        {
            result.Add(name, value, 1);
        }
    }

    private void Summarise(string where)
    {
        int window = Math.Min(Window, _nanoseconds.Count);
        long sum = 0;
        long most = 0;
        for (int i = 0; i < _nanoseconds.Count; i++)
        {
            sum += _nanoseconds[i] - (i >= window ? _nanoseconds[i - window] : 0);
            most = Math.Max(most, sum);
        }
        _figures.Add(($"flowModsPerSecond{where}", _nanoseconds.Count * 1e9 / Math.Max(1, _nanoseconds.Sum())));
        _figures.Add(($"flowModsPerSecond{where}Least", window * 1e9 / Math.Max(1, most)));
        _figures.Add(($"slowestFlowMod{where}Us", _nanoseconds.Max() / 1e3));
    }

    private void Apply(AttackChange change)
    {
        cancellation.ThrowIfCancellationRequested();
        long start = ThreadSchedule.CpuNanoseconds;
        if (change.IsDelete)
        {
            using (bench.Control.Enter())
            {
                (FlowMatch match, ushort priority) = change.Entry;
                bench.Control.Apply(new FlowMod { Command = FlowModCommand.DeleteStrict, Match = match, Priority = priority });
            }
        }
        else
        {
            bench.AddFlow(change.Entry.Match, change.Entry.Priority, _actions);
        }
        _nanoseconds.Add(ThreadSchedule.CpuNanoseconds - start);
    }
}
