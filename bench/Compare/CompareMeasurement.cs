using System.Diagnostics;
using Softswitch.Bench.Flows;
using Softswitch.Bench.Sides;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;

namespace Softswitch.Bench.Compare;

/// <summary>One slice of one row on one switch.</summary>
/// <param name="Value">In the row's unit.</param>
/// <param name="Kept">With <see cref="CompareKind.Churn"/>: the share of the rate just before.</param>
internal readonly record struct CompareSample(double Value, double? Kept = null) : IBenchRound
{
    public Interference Interference { get; init; }
}

/// <summary>Measures a row on either switch, over its OpenFlow connection alone: the same messages, counters and clock for both.</summary>
/// <remarks>Threads: one.</remarks>
internal sealed class CompareMeasurement(CompareRow row, CancellationToken cancellation)
{
    // Numbers of flows no packet belongs to. Their nw_src is from 10.32.0.0 on, the traffic's below: one delete takes them all.
    private const int FirstOther = 1 << 21;
    private const uint OtherNet = 0x0a20_0000;
    private const int OtherNetLength = 11;

    // As many flow-mods as a write takes, then a barrier.
    private const int Burst = 512;

    // While forwarding is what is measured, more are not offered, so that the faster table does not have to stand more of them.
    private const int ChurnRate = 100_000;
    private const int ChurnBurst = 100;

    // From standing still to measuring: caches fill, and what waits in sockets is done.
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(100);

    // Of the packets received, how many may be under way or unaccounted between two readings of counters.
    private const double MostUnsent = 0.02;

    // A busy machine may stop the switch between the counters of one port and of the other. What is truly not sent is not sent again and again.
    private const int MostAttempts = 3;

    private static readonly FlowAction[] Output = [FlowAction.Output(ComparedSwitch.Sink)];

    private static readonly FlowAction[] RewriteAndOutput =
        [FlowAction.SetDlSrc(new MacAddress(0x0200_0000_00aa)), FlowAction.SetDlDst(new MacAddress(0x0200_0000_00bb)), FlowAction.Output(ComparedSwitch.Sink)];

    private readonly ExactFlows _others = new(1, inputs: 1);

    /// <summary>Fills the table.</summary>
    public void Install(ComparedSwitch side, FlowSet flows)
    {
        FlowAction[] actions = row.Rewrite ? RewriteAndOutput : Output;
        foreach (BenchEntry entry in flows.Entries.Until(cancellation))
        {
            side.Client.Send(new FlowMod { Match = entry.Match, Priority = entry.Priority, Actions = actions });
        }
        Confirm(side);
    }

    /// <summary>Measures for <paramref name="slice"/>, with the switch standing still before and after.</summary>
    public CompareSample Measure(ComparedSwitch side, TimeSpan slice)
    {
        side.Resume();
        cancellation.Wait(Settling);
        Func<Interference> interference = side.Watch();
        CompareSample sample = row.Kind switch
        {
            CompareKind.Forward => new(Forward(side, slice) / 1e6),
            CompareKind.Churn => Churn(side, slice),
            _ => new(AddOthers(side, slice, Burst, double.PositiveInfinity).FlowModsPerSecond),
        };
        sample = sample with { Interference = interference() };
        side.Rest();
        return sample;
    }

    private CompareSample Churn(ComparedSwitch side, TimeSpan slice)
    {
        double before = Forward(side, slice);
        double during = AddOthers(side, slice, ChurnBurst, ChurnRate).PacketsPerSecond;
        return new CompareSample(during / 1e6, during / before);
    }

    private double Forward(ComparedSwitch side, TimeSpan slice)
    {
        for (int attempt = 1; ; attempt++)
        {
            Counters before = Read(side);
            cancellation.Wait(slice);
            Counters after = Read(side);
            double received = after.Received - before.Received;
            double sent = after.Sent - before.Sent;
            if (received > 0 && sent > (1 - MostUnsent) * received)
            {
                return sent / Stopwatch.GetElapsedTime(before.Ticks, after.Ticks).TotalSeconds;
            }
            if (attempt == MostAttempts)
            {
                throw new CompareException($"of {received:0} packets received {sent:0} were sent: this is not the work to compare");
            }
        }
    }

    /// <summary>Adds other entries until all are there or the slice is over; if they are there early, deletes them and begins anew.</summary>
    /// <param name="burst">How many before each barrier.</param>
    /// <param name="rate">Flow-mods a second at most.</param>
    /// <remarks>Deleting is not measured.</remarks>
    private (double FlowModsPerSecond, double PacketsPerSecond) AddOthers(ComparedSwitch side, TimeSpan slice, int burst, double rate)
    {
        long added = 0;
        long sent = 0;
        TimeSpan measured = TimeSpan.Zero;
        while (measured < slice)
        {
            Counters before = Read(side);
            int next = 0;
            while (next < CompareRow.OtherEntries && measured + Stopwatch.GetElapsedTime(before.Ticks) < slice)
            {
                int end = Math.Min(next + burst, CompareRow.OtherEntries);
                for (; next < end; next++)
                {
                    side.Client.Send(new FlowMod { Match = _others.MatchOf(FirstOther + next), Priority = 0x8000, Actions = Output });
                }
                Confirm(side);
                TimeSpan early = TimeSpan.FromSeconds(next / rate) - Stopwatch.GetElapsedTime(before.Ticks);
                if (early >= TimeSpan.FromMilliseconds(1))
                {
                    cancellation.Wait(early);
                }
            }
            Counters after = Read(side);
            added += next;
            sent += after.Sent - before.Sent;
            measured += Stopwatch.GetElapsedTime(before.Ticks, after.Ticks);
            DeleteOthers(side, next);
        }
        return (added / measured.TotalSeconds, sent / measured.TotalSeconds);
    }

    /// <summary>Deletes them, if they are all there.</summary>
    private void DeleteOthers(ComparedSwitch side, int expected)
    {
        FlowMatch match = FlowMatch.Any with { DlType = EtherType.Ipv4, NwSrc = OtherNet };
        match.Wildcards &= ~FlowWildcards.DlType;
        match.SetNwWildBits(32 - OtherNetLength, 32);
        if (!side.Client.TryReadAggregate(new FlowFilter(match), out AggregateStatistics total) || total.FlowCount != expected)
        {
            throw new CompareException($"of {expected} entries that were added and confirmed {total.FlowCount} are there");
        }
        side.Client.Send(new FlowMod { Command = FlowModCommand.Delete, Match = match });
        Confirm(side);
    }

    /// <summary>Waits until everything sent is done, without an error.</summary>
    private void Confirm(ComparedSwitch side)
    {
        cancellation.ThrowIfCancellationRequested();
        if (side.Client.Barrier() > 0)
        {
            throw new CompareException($"the switch answers a flow-mod with {side.Client.Errors[0].Error.Name}");
        }
    }

    private static Counters Read(ComparedSwitch side)
    {
        if (!side.Client.TryReadPortStatistics(PortNumber.None, out List<PortStatistics> ports))
        {
            throw new OfClientException($"{side.Client.Target}: no port statistics");
        }
        return new Counters(
            Stopwatch.GetTimestamp(),
            (long)(ports.Find(port => port.PortNumber == ComparedSwitch.Input).ReceivedPackets),
            (long)(ports.Find(port => port.PortNumber == ComparedSwitch.Sink).TransmittedPackets));
    }

    /// <param name="Received">Packets by port 1.</param>
    /// <param name="Sent">Packets by port 2.</param>
    private readonly record struct Counters(long Ticks, long Received, long Sent);
}
