using System.Diagnostics;
using Softswitch.Datapath.Flows;
using Softswitch.Lab;
using Softswitch.Lab.Charts;
using Softswitch.Lab.Machines;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Controllers;

namespace Softswitch.Scenarios.Mat;

/// <summary>MAT: a mobile node keeps its address while switches translate it to that of where it is, across a router that knows nothing of it.</summary>
internal sealed class MatScenario : Scenario
{
    private const double PacketsPerSecond = 1000;
    private const double GuestPacketsPerSecond = 200; // there and back, with emulation in between
    private const double PingsPerSecond = 100;
    private const double TcpBytesPerSecond = 1_000_000;
    private const double MostUpdateMilliseconds = 10;
    private const double MostGapBesides = 5;
    private const double MostModifyMilliseconds = 100;
    private const double MostSlowdown = 0.05;
    private const double CardRate = 4 * 1.488; // million 64-byte frames a second on a NetFPGA's four ports
    private const ushort UdpPort = 4001;
    private const ushort TcpPort = 4002;

    public override string Name => "mat";

    public override string Paper => "A Proposal of an IP Mobility Support System Using OpenFlow Framework (MAT by the switches)";

    public override string Summary =>
        "A correspondent sends to a mobile node's home address; switches translate it to the address of the network where the node is, and back, on both sides of a router of the "
        + "kernel's. The node moves between two networks and says so by RARP alone; the controller probes it by ARP, learns its address, changes all switches and sends barriers.";

    public override string WithGuests =>
        "The mobile node is a QEMU guest with a Linux of its own, and moves by live migration; the RARP is QEMU's. It answers and sends back itself, "
        + "so streams go there and back, and what QEMU and emulation take is shown and not judged.";

    public override void Run(ScenarioRun run)
    {
        var lab = new MatLab(run);
        run.WaitUntil(() => lab.Controller.ReadyNetworks == 3, "the controller knows the router in all three networks");
        lab.Mobile.AnnounceByRarp();
        run.WaitUntil(() => lab.Controller.Updates.Count == 1, "the mobile node is registered");
        foreach (LabSwitch one in run.Lab.Switches)
        {
            run.KeepTable(one, "before");
        }
        MatDatagrams.Check(run, lab);

        // There and back once: what is measured is the switches and the controller, not the compiler that sees them for the first time.
        run.Say("rehearsal");
        Move(run, lab, cable: 1);
        Move(run, lab, cable: 0);

        var wires = new MatWires(run, lab);
        UdpStream udp = run.Own(UdpStream.Start(lab.Correspondent, lab.Mobile, UdpPort, run.Options.UsesGuests ? GuestPacketsPerSecond : PacketsPerSecond));
        PingStream? pings = run.Options.UsesGuests ? run.Own(PingStream.Start(lab.Correspondent, lab.Mobile, PingsPerSecond)) : null;
        TcpStream tcp = run.Own(TcpStream.Start(lab.Correspondent, lab.Mobile, TcpPort, TcpBytesPerSecond));
        run.WaitUntil(() => udp.Record.Received > 100, "the stream arrives");
        var moves = new List<MatMove>();
        for (int i = 0; i < run.Scale(6, 2); i++)
        {
            run.Wait(TimeSpan.FromMilliseconds(run.Scale(1000, 400)));
            moves.Add(Move(run, lab, cable: (i + 1) % 2));
        }
        run.Wait(TimeSpan.FromMilliseconds(run.Scale(1000, 400)));
        HoldFlows(run, lab, udp);
        // Once more, with all of them in the table.
        moves.Add(Move(run, lab, cable: 1 - lab.Mobile.Current));
        run.Wait(TimeSpan.FromMilliseconds(run.Scale(1000, 400)));
        StreamSummary summary = udp.Stop();
        TcpSummary connection = tcp.Stop();

        if (pings == null)
        {
            JudgeUpdates(run, moves);
            JudgeGaps(run, udp, summary, moves);
        }
        else
        {
            pings.Stop();
            MatGuest.Judge(run, udp, pings, tcp, moves);
        }
        JudgeStreams(run, udp, summary, connection, moves);
        wires.Judge(run, lab, moves);
        foreach (LabSwitch one in run.Lab.Switches)
        {
            run.KeepTable(one, "after");
        }
        CompareRates(run);
        AddCharts(run, udp, tcp);
    }

    private static MatMove Move(ScenarioRun run, MatLab lab, int cable)
    {
        int known = lab.Controller.Updates.Count;
        long flowMods = run.CountFlowMods();
        lab.Mobile.Prepare(cable);
        long left = run.Say($"the mobile node leaves {(cable == 1 ? "S2 for S3" : "S3 for S2")}");
        MigrationFigures? guest = lab.Mobile.MoveTo(cable);
        long? announced = null;
        if (guest == null)
        {
            announced = run.Say("it sends a RARP");
            lab.Mobile.AnnounceByRarp();
        }
        run.WaitUntil(() => lab.Controller.Updates.Count > known, "all switches have the new address");
        MatUpdate update = lab.Controller.Updates[known];
        return new MatMove(left, announced ?? update.HeardAt, update, run.CountFlowMods() - flowMods, guest);
    }

    private static void JudgeUpdates(ScenarioRun run, List<MatMove> moves)
    {
        double[] times = [.. moves.Select(move => Stopwatch.GetElapsedTime(move.Update.HeardAt, move.Update.LastDoneAt).TotalMilliseconds)];
        run.Figure("RARP to the last barrier's reply", "to be evaluated", $"{Statistic.Median(times):0.0} ms (median of {times.Length}), at most {times.Max():0.0} ms");
        run.CheckTime(
            "from the RARP to the last barrier's reply", $"at most {MostUpdateMilliseconds:0} ms (median of the moves)", $"{Statistic.Median(times):0.0} ms, {times.Max():0.0} ms at most",
            Statistic.Median(times) <= MostUpdateMilliseconds);
    }

    private static void JudgeGaps(ScenarioRun run, UdpStream udp, StreamSummary summary, List<MatMove> moves)
    {
        var found = new List<string>();
        bool holds = true;
        foreach (MatMove move in moves)
        {
            double controller = Stopwatch.GetElapsedTime(move.Announced, move.Update.LastDoneAt).TotalMilliseconds;
            double gap = udp.Record.LostBetween(move.Left - (Stopwatch.Frequency / 20), move.Left + Stopwatch.Frequency / 3) * 1000 / PacketsPerSecond;
            holds &= gap <= controller + MostGapBesides;
            found.Add($"{gap:0} of {controller + MostGapBesides:0.0}");
        }
        int lostAtMoves = moves.Sum(move => udp.Record.LostBetween(move.Left - (Stopwatch.Frequency / 20), move.Left + (Stopwatch.Frequency / 3)));
        run.Figure("packets lost a move, of 1,000 a second", "to be evaluated (outage)", $"{lostAtMoves / (double)moves.Count:0.0} on average");
        run.CheckTime("the gap in the numbers at the mobile node", $"the controller's time and {MostGapBesides:0} ms", $"{string.Join(", ", found)} ms", holds);
        run.CheckTime("packets lost besides", "0", $"{summary.Lost - lostAtMoves}", summary.Lost == lostAtMoves);
    }

    private static void JudgeStreams(ScenarioRun run, UdpStream udp, StreamSummary summary, TcpSummary connection, List<MatMove> moves)
    {
        run.Result.Add("udp", summary.ToJson());
        run.Check("the address was learned from the node's reply to the probe", "each time", $"{moves.Count(move => move.Update.Home == MatLab.Home && move.Update.LearnedAt > move.Update.HeardAt)} of {moves.Count}",
            moves.TrueForAll(move => move.Update.Home == MatLab.Home && move.Update.LearnedAt > move.Update.HeardAt));
        run.Check("the stream goes on after the last move", "packets arrive", $"{summary.Received} of {summary.Sent}", udp.Record.LostBetween(moves[^1].Update.LastDoneAt, long.MaxValue) < udp.Record.Sent - udp.Record.FirstSentAfter(moves[^1].Update.LastDoneAt));
        run.Check("the TCP connection survives and carries what was sent", "alive, 0 bytes wrong", connection.ToString(), connection.Failure == null && connection.WrongBytes == 0 && connection.Bytes > 0);
        run.Figure("TCP's longest stall", "none given", $"{connection.LongestStall.TotalMilliseconds:0} ms");
    }

    /// <summary>Gives the correspondent's switch as many translations as a large service would have, and changes some, under the stream.</summary>
    private static void HoldFlows(ScenarioRun run, MatLab lab, UdpStream udp)
    {
        int held = run.Scale(100_000, 2_000);
        int modified = run.Scale(10_000, 1_000);
        SwitchConnection to = lab.Controller.Find(lab.First.DatapathId)!;
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < held; i++)
        {
            to.Send(MatFlows.Translation(i, FlowModCommand.Add, 0x0a80_0000));
        }
        AwaitBarrier(run, to);
        double adding = run.Result.Timeline.SecondsAt(run.Say($"{held} translations more are held by S1")) - run.Result.Timeline.SecondsAt(start);
        var times = new List<double>();
        for (int round = 1; round <= 5; round++)
        {
            long began = Stopwatch.GetTimestamp();
            for (int i = 0; i < modified; i++)
            {
                to.Send(MatFlows.Translation(i, FlowModCommand.ModifyStrict, 0x0a80_0000 + ((uint)round << 20)));
            }
            times.Add(Stopwatch.GetElapsedTime(began, AwaitBarrier(run, to)).TotalMilliseconds);
        }
        run.Say($"{modified} of them modified, five times");
        int flows = lab.First.TakeSnapshot().Flows.Count(flow => flow.Priority == MatFlows.Priority);
        run.Wait(TimeSpan.FromMilliseconds(run.Scale(500, 200)));
        int lost = udp.Record.LostBetween(start, Stopwatch.GetTimestamp() - (Stopwatch.Frequency / 10));
        run.Figure("translations held by a switch", "to be evaluated (scalability)", $"{flows}, added in {adding:0.00} s");
        run.Figure($"modify of {modified} flows and barrier", "none given", $"{Statistic.Median([.. times]):0} ms (median of 5), at most {times.Max():0} ms");
        run.Check("translations held", $"{held}", $"{flows}", flows == held);
        run.CheckTime($"modify of {modified} flows and barrier", $"at most {MostModifyMilliseconds:0} ms", $"{times.Max():0} ms at most", times.Max() <= MostModifyMilliseconds);
        run.CheckTime("packets of the stream lost while they were added and modified", "0", $"{lost}", lost == 0);
    }

    /// <returns>When the reply came.</returns>
    private static long AwaitBarrier(ScenarioRun run, SwitchConnection to)
    {
        long answered = 0;
        to.Barrier(when => Volatile.Write(ref answered, when));
        to.Flush();
        run.WaitUntil(() => Volatile.Read(ref answered) != 0, "a barrier is answered");
        return answered;
    }

    /// <summary>Packets a second through translations, from memory, one core: of a thousand flows, alone and among a hundred thousand others, in turns.</summary>
    private static void CompareRates(ScenarioRun run)
    {
        string many = run.Scale(100_000, 10_000).ToString();
        string seconds = run.Options.Small ? "0.2" : "0.6";
        var few = new List<double>();
        var all = new List<double>();
        for (int round = 0; round < run.Scale(5, 1); round++)
        {
            few.Add(Measure(run, "1000", seconds));
            all.Add(Measure(run, many, seconds));
        }
        // A core does several times what the ports of the paper's card can bring it; what counts is whether it still does as much as they do.
        double fewThrough = Math.Min(few.Max(), CardRate);
        double slowdown = (fewThrough - Math.Min(all.Max(), CardRate)) / fewThrough;
        run.Figure(
            $"forwarding on one core with {many} translations held", "none given",
            $"{all.Max():0.0} Mpps, with 1000 of them {few.Max():0.0} ({(few.Max() - all.Max()) / few.Max():0 %} less)");
        run.CheckTime(
            $"throughput of four ports of 1 Gbit/s lost to holding {many} translations", $"at most {MostSlowdown:0 %} of {CardRate:0.00} Mpps", $"{Math.Max(0, slowdown):0.0 %}",
            slowdown <= MostSlowdown);
    }

    private static double Measure(ScenarioRun run, string flows, string seconds) => ScenarioBench.Run(
        run.Cancellation, "pipeline", "--match", "l3", "--actions", "readdress", "--flows", flows, "--traffic", "1000", "--seconds", seconds)["mppsPerCpu"]!.GetValue<double>();

    private static void AddCharts(ScenarioRun run, UdpStream udp, TcpStream tcp)
    {
        long start = run.Result.Timeline.Start;
        TimeSpan interval = TimeSpan.FromMilliseconds(50);
        run.Result.Add(new LineChart(
            "Delay from the correspondent to the mobile node", new Axis("seconds"), new Axis("longest delay in 50 ms, ms"),
            [new Series(udp.Name, udp.Record.DelaySeries(start, interval))], HasMarkers: false));
        run.Result.Add(new LineChart(
            "Packets lost", new Axis("seconds"), new Axis("packets lost in 50 ms", Through: 10),
            [new Series(udp.Name, udp.Record.LossSeries(start, interval))], HasMarkers: false));
        run.Result.Add(new LineChart(
            "TCP", new Axis("seconds"), new Axis("Mbit/s"), [new Series("TCP CN to MN", tcp.RateSeries(start, TimeSpan.FromMilliseconds(100)))], HasMarkers: false));
    }
}
