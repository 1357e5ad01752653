using System.Diagnostics;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Queues;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>A slice with a guaranteed band beside one that sends more than the link takes.</summary>
internal static class XenflowSlice
{
    private const ushort SlicePort = 5001;
    private const ushort OtherPort = 5002;
    private const uint Queue = 1;
    private const int Payload = 1200;
    private const int FrameLength = Payload + 42; // what queues count: Ethernet, IPv4 and UDP headers, no FCS

    private const double Guaranteed = 10e6;
    private const double Offered = 11e6;
    private const double Overload = 60e6;
    private const double LinkRate = 15e6; // half of it would not be enough for the slice
    private const double Kept = 0.95;
    private const int MostWindows = 4;

    public static void Run(ScenarioRun run, XenflowLab lab)
    {
        lab.Introduce(run); // the router's interfaces have moved, and its neighbours were forgotten
        LabSwitch machine = lab.Here;
        ushort egress = machine == lab.Machine1 ? (ushort)2 : (ushort)12;
        DatapathControl control = machine.Host.Control;
        Configure(control, () => control.Queues.ConfigureRate(egress, (long)LinkRate));
        Band without = Measure(run, lab);
        Configure(control, () => control.Queues.Configure(egress, new QueueConfig(Queue, (long)Guaranteed)));
        lab.Controller.SetSlice(SlicePort, Queue);
        Band with = Measure(run, lab);
        bool isQueued = machine.TakeSnapshot().Flows.Any(flow => flow.Actions.Contains($"enqueue:{egress}:{Queue}", StringComparison.Ordinal));
        Configure(control, () => control.Queues.ConfigureRate(egress, run.Lab.Wiring.Rate));
        run.Say($"a slice that sends {Offered / 1e6:0} Mbit/s beside {Overload / 1e6:0} on a link of {LinkRate / 1e6:0}: {without.Arrived / 1e6:0.00} without a queue, {with.Arrived / 1e6:0.00} with min-rate {Guaranteed / 1e6:0}");
        run.Record(XenflowMeasures.Slice, with.Arrived / 1e6);
        run.Figure("band of the slice under overload", "a minimum band for each flow or set of flows", $"{with.Arrived / 1e6:0.0} of {Guaranteed / 1e6:0} Mbit/s guaranteed; {without.Arrived / 1e6:0.0} without a queue");
        run.Check("the slice's flow is made with ENQUEUE", "yes", isQueued ? "yes" : "no", isQueued);
        run.CheckTime(
            $"a flow with min-rate {Guaranteed / 1e6:0} Mbit/s keeps its band under overload on a link of {LinkRate / 1e6:0}", $"at least {100 * Kept:0} %",
            $"{100 * with.Arrived / with.Owed:0.0} %: {with}", with.Arrived >= Kept * with.Owed);
        run.CheckTime("without the queue it does not", $"below {100 * Kept:0} %", $"{100 * without.Arrived / without.Owed:0.0} %: {without}", without.Arrived < Kept * without.Owed);
    }

    /// <summary>Measures both streams together, again where the switch was not let run often enough for the link to be full.</summary>
    private static Band Measure(ScenarioRun run, XenflowLab lab)
    {
        using UdpStream other = UdpStream.Start(lab.Sender, lab.Receiver, OtherPort, PacketsFor(Overload), Payload);
        using UdpStream slice = UdpStream.Start(lab.Sender, lab.Receiver, SlicePort, PacketsFor(Offered), Payload);
        run.WaitUntil(() => slice.Record.Received > 100 && other.Record.Received > 100, "both streams arrive");
        run.Wait(TimeSpan.FromSeconds(0.5)); // until the queue is full
        Band best = default;
        for (int i = 0; i < MostWindows && best.Link < Kept * LinkRate; i++)
        {
            Band band = MeasureWindow(run, slice.Record, other.Record);
            best = band.Link > best.Link ? band : best;
        }
        return best;
    }

    private static Band MeasureWindow(ScenarioRun run, StreamRecord slice, StreamRecord other)
    {
        (int received, int sent, int beside) = (slice.Received, slice.Sent, other.Received);
        long start = Stopwatch.GetTimestamp();
        run.Wait(TimeSpan.FromSeconds(run.Scale(3, 1)));
        double bitsAPacket = FrameLength * 8 / Stopwatch.GetElapsedTime(start).TotalSeconds;
        received = slice.Received - received;
        return new Band(received * bitsAPacket, (slice.Sent - sent) * bitsAPacket, (received + other.Received - beside) * bitsAPacket);
    }

    private static double PacketsFor(double bitsPerSecond) => bitsPerSecond / 8 / FrameLength;

    private static void Configure(DatapathControl control, Func<ControlError> change)
    {
        using (control.EnterWithoutTable())
        {
            if (change() is var error and not ControlError.None)
            {
                throw new TestbedException($"a rate or queue is refused: {error}");
            }
        }
    }

    /// <summary>Bits a second.</summary>
    /// <param name="Arrived">Of the slice.</param>
    /// <param name="Sent">By the slice.</param>
    /// <param name="Link">Of both, by the link that is too narrow for them.</param>
    private readonly record struct Band(double Arrived, double Sent, double Link)
    {
        /// <summary>What the slice must get: its band, less what it does not ask for, and less the share of the time in which the switch was not let run.</summary>
        public double Owed => Math.Min(Sent, Guaranteed * Math.Min(1, Link / LinkRate));

        public override string ToString() => $"{Arrived / 1e6:0.00} Mbit/s of {Sent / 1e6:0.00} sent, on a link that carried {Link / 1e6:0.00}";
    }
}
