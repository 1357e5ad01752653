using System.Diagnostics;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Text;

namespace Softswitch.Scenarios.Twaren;

/// <summary>VM-S's move to campus 2 under W's pings, and the flows of Figures 5 and 6 that follow it; as often as is asked for.</summary>
internal static class TwarenMove
{
    private const int PingsAround = 10;
    private const double MostSeconds = 0.5; // of a move there and back, without the pings that are waited for
    private const double MostGuestSeconds = 5;
    private const double TcpBytesPerSecond = 250_000;
    private const ushort TcpPort = 7000;

    /// <summary>How the entries of Figures 5 and 6 are inserted.</summary>
    public static Insertion InsertionOf(ScenarioRun run) =>
        run.Get(TwarenParameters.Part) == TwarenParameters.Paths && run.Get(TwarenParameters.Insertion) == CommonParameters.Reactive
            ? Insertion.Reactive
            : Insertion.Proactive;

    /// <summary>As many as the pings across this many moves may be.</summary>
    public static double MostPings(int moves, double perSecond, bool isGuest) =>
        moves * ((2 * (PingsAround + 1)) + (perSecond * (isGuest ? MostGuestSeconds : MostSeconds)));

    public static void Run(ScenarioRun run, TwarenLab lab)
    {
        PingStream pings = run.Own(PingStream.Start(lab.Outside, lab.MovedHost, run.Get(TwarenParameters.Pings)));
        AwaitMore(run, pings, "W's pings are answered before the move");
        TcpStream? tcp = run.Options.UsesGuests ? run.Own(TcpStream.Start(lab.Outside, lab.MovedHost, TcpPort, TcpBytesPerSecond)) : null;
        var moves = new List<Move>();
        for (int i = 0; i < run.Get(TwarenParameters.Moves); i++)
        {
            if (i > 0)
            {
                GoBack(run, lab);
                int known = pings.Record.Received;
                // Packets that were under way while the tables were emptied may have made entries to the old place of VM-S.
                run.Insist(
                    () => ShowPlace(run, lab), () => pings.Record.Received > known + PingsAround, "W's pings are answered again in campus 1");
            }
            Move move = MoveOnce(run, lab);
            AwaitMore(run, pings, "W's pings are answered after the move");
            moves.Add(move with { Resumed = Stopwatch.GetTimestamp() });
        }
        StreamSummary summary = pings.Stop();
        TcpSummary? connection = tcp?.Stop();
        run.Result.Add("pings across the move", summary.ToJson());
        Record(run, pings, moves);
        string where = $"{run.Result.Timeline.SecondsAt(moves[0].Left):0.00} s on";
        run.Figure(
            $"pings lost in the move, one every {1000 / run.Get(TwarenParameters.Pings):0.###} ms", "none given",
            $"{summary.Lost}, longest gap {summary.LongestGap.TotalMilliseconds:0} ms from {where}");
        if (connection == null)
        {
            return;
        }
        run.Check(
            "W's TCP connection with the guest survives the move and carries what was sent, there and back", "alive, 0 bytes wrong",
            connection.ToString(), connection.IsWhole);
        bool isProactive = InsertionOf(run) == Insertion.Proactive;
        foreach (Move move in moves)
        {
            run.Result.Add(new ScenarioMigration("VM-S, AcS1 to AcS2", move.Guest!)
            {
                Update = isProactive ? Stopwatch.GetElapsedTime(move.Arrived, move.Loaded) : null,
                FlowMods = isProactive ? move.FlowMods : null,
                Lost = moves.Count == 1 ? summary.Lost : pings.Record.LostBetween(move.Left, move.Resumed),
                PingGap = pings.Record.LongestGapBetween(move.Left, move.Loaded),
                TcpStall = tcp!.LongestStallBetween(move.Left, move.Loaded),
            });
        }
    }

    private static Move MoveOnce(ScenarioRun run, TwarenLab lab)
    {
        lab.MovedHost.Prepare(TwarenLab.AtSecondAccess);
        long flowMods = run.CountFlowMods();
        long left = run.Say("VM-S leaves AcS1 for AcS2, campus 2");
        MigrationFigures? guest = lab.MovedHost.MoveTo(TwarenLab.AtSecondAccess);
        long arrived = Stopwatch.GetTimestamp();
        foreach (TwarenController controller in lab.Controllers)
        {
            controller.Forget(TwarenLab.Moved.HardwareAddress);
        }
        Insertion insertion = InsertionOf(run);
        IReadOnlyList<StaticFlow> access = TwarenFlows.Read(TwarenFlows.Figure6);
        Insert(lab.Controllers[0], TwarenFlows.Read(TwarenFlows.Figure5), insertion);
        Insert(lab.Controllers[1], access.Where(flow => flow.Switch == TwarenLab.FirstAccessId), insertion);
        Insert(lab.Controllers[2], access.Where(flow => flow.Switch == TwarenLab.SecondAccessId), insertion);
        if (guest == null)
        {
            lab.MovedHost.Announce();
        }
        long loaded = TwarenSteps.Settle(run, lab);
        string how = insertion == Insertion.Proactive ? "loaded on" : "ready for";
        run.Say($"Figures 5 (2024 corrected) and 6 are {how} all switches", loaded);
        return new Move(left, arrived, loaded, loaded, run.CountFlowMods() - flowMods, guest);
    }

    /// <summary>To campus 1, where nothing is loaded: the controllers bridge.</summary>
    private static void GoBack(ScenarioRun run, TwarenLab lab)
    {
        lab.MovedHost.Prepare(TwarenLab.AtFirstAccess);
        lab.MovedHost.MoveTo(TwarenLab.AtFirstAccess);
        foreach (TwarenController controller in lab.Controllers)
        {
            foreach (ulong datapathId in controller.Switches.Select(connection => connection.DatapathId).ToArray())
            {
                controller.Clear(datapathId);
            }
        }
        TwarenSteps.Settle(run, lab);
        run.Say("VM-S is back at AcS1");
    }

    /// <summary>Has the controllers forget where VM-S was, and VM-S say where it is; a guest says it with what it sends.</summary>
    private static void ShowPlace(ScenarioRun run, TwarenLab lab)
    {
        foreach (TwarenController controller in lab.Controllers)
        {
            controller.Forget(TwarenLab.Moved.HardwareAddress);
        }
        if (!run.Options.UsesGuests)
        {
            lab.MovedHost.Announce();
        }
    }

    private static void Insert(TwarenController controller, IEnumerable<StaticFlow> flows, Insertion insertion)
    {
        if (insertion == Insertion.Reactive)
        {
            controller.Offer(flows);
        }
        else
        {
            controller.Push(flows);
        }
    }

    private static void Record(ScenarioRun run, PingStream pings, IReadOnlyList<Move> moves)
    {
        // Reactive flows are not there at the barrier: they come with packets.
        if (InsertionOf(run) == Insertion.Proactive)
        {
            double[] times = [.. moves.Select(move => Stopwatch.GetElapsedTime(move.Arrived, move.Loaded).TotalMilliseconds)];
            run.Record(TwarenMeasures.Update, Statistic.Median(times));
            run.Record(TwarenMeasures.SlowestUpdate, times.Max());
            run.Record(TwarenMeasures.FlowMods, Statistic.Median([.. moves.Select(move => (double)move.FlowMods)]));
        }
        run.Record(TwarenMeasures.LostPings, moves.Average(move => pings.Record.LostBetween(move.Left, move.Resumed)));
        run.Record(TwarenMeasures.Gap, moves.Max(move => pings.Record.LongestGapBetween(move.Left, move.Resumed).TotalMilliseconds));
    }

    private static void AwaitMore(ScenarioRun run, PingStream pings, string what)
    {
        int known = pings.Record.Received;
        run.WaitUntil(() => pings.Record.Received > known + PingsAround, what);
    }

    /// <summary>Times are Stopwatch.GetTimestamp's.</summary>
    /// <param name="Left">When VM-S was about to leave.</param>
    /// <param name="Arrived">When it was there.</param>
    /// <param name="Loaded">When the last switch had its flows.</param>
    /// <param name="Resumed">When pings were answered again.</param>
    /// <param name="Guest">What the hypervisor says; null of a namespace.</param>
    private sealed record Move(long Left, long Arrived, long Loaded, long Resumed, long FlowMods, MigrationFigures? Guest);
}
