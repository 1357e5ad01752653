using System.Diagnostics;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Mat;

/// <summary>The moves of a mobile node that is a guest: QEMU's figures beside those of the switches. Of the times only what follows the guest's answer is the switches' and judged.</summary>
internal static class MatGuest
{
    private const double MostUpdateMilliseconds = 10;

    public static void Judge(ScenarioRun run, UdpStream udp, PingStream? pings, TcpStream tcp, IReadOnlyList<MatMove> moves)
    {
        int lostAfterwards = 0;
        for (int i = 0; i < moves.Count; i++)
        {
            MatMove move = moves[i];
            long next = i + 1 < moves.Count ? moves[i + 1].Move.Leaving : long.MaxValue;
            lostAfterwards += udp.Record.LostBetween(move.Update.LastDoneAt, next);
            run.Result.Add(new ScenarioMigration($"{Ipv4Text.Format(move.Update.Before!.Value)} to {Ipv4Text.Format(move.Update.After)}", move.Move.Figures!)
            {
                Update = Stopwatch.GetElapsedTime(move.Update.LearnedAt, move.Update.LastDoneAt),
                FlowMods = move.Move.FlowMods,
                Lost = udp.Record.LostBetween(move.Move.Leaving, next),
                PingGap = pings?.Record.LongestGapBetween(move.Move.Leaving, move.Update.LastDoneAt),
                TcpStall = tcp.LongestStallBetween(move.Move.Leaving, move.Update.LastDoneAt),
            });
        }
        double[] updates = [.. moves.Select(move => move.UpdateMilliseconds)];
        double[] tables = [.. moves.Select(move => Stopwatch.GetElapsedTime(move.Update.LearnedAt, move.Update.LastDoneAt).TotalMilliseconds)];
        run.Figure(
            "RARP to the last barrier's reply, with the guest's answer to the probe", "to be evaluated",
            $"{Statistic.Median(updates):0.0} ms (median of {updates.Length}), at most {updates.Max():0.0} ms; without it {Statistic.Median(tables):0.0} ms");
        run.CheckTime(
            "from the guest's answer to the last barrier's reply", $"at most {MostUpdateMilliseconds:0} ms (median of the moves)",
            $"{Statistic.Median(tables):0.0} ms, {tables.Max():0.0} ms at most", Statistic.Median(tables) <= MostUpdateMilliseconds);
        run.CheckTime("packets lost that were sent after the last barrier's reply", "0", $"{lostAfterwards}", lostAfterwards == 0);
        MigrationFigures[] guests = [.. moves.Select(move => move.Move.Figures!)];
        run.Figure(
            "QEMU's downtime", "none given",
            $"{Statistic.Median([.. guests.Select(guest => guest.Downtime.TotalMilliseconds)]):0} ms (median of {guests.Length}), at most {guests.Max(guest => guest.Downtime.TotalMilliseconds):0} ms");
    }
}
