using System.Text.Json.Nodes;
using Softswitch.Lab.Charts;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>Moves all flows at each of several rates, make before break and break before make, for two sizes of packets: the paper's Figures 7 to 9.</summary>
internal sealed class XenflowMigrations(ScenarioRun run, XenflowLab lab)
{
    private const double LongestMoveMilliseconds = 50;

    // A trial that lost packets though every one of them met an entry is done again: the machine did something else for too long.
    private const int MostTrials = 5;

    private readonly int _flows = run.Get(XenflowParameters.Flows);
    private readonly MoveSteps _making = new(Waits: run.Get(XenflowParameters.Barriers), Probes: run.Get(XenflowParameters.Probe));
    private readonly MoveSteps _breaking = new(BreaksFirst: true, Waits: run.Get(XenflowParameters.Barriers));
    private readonly TimeSpan _duration = TimeSpan.FromSeconds(run.Get(XenflowParameters.Duration));
    private readonly List<MovePoint> _points = [];
    private int _repeats;
    private bool _isRehearsed;

    public void Run()
    {
        foreach (PacketSize size in PacketSize.Of(run))
        {
            using XenflowTraffic traffic = XenflowTraffic.ForTrials(run, lab, size);
            Rehearse(traffic);
            double[] rates = [.. ChooseRates(size, traffic)];
            foreach (double rate in rates)
            {
                Compare(size, traffic, rate);
            }
            Judge(size, rates[^1]);
        }
        JudgeTimes();
        JudgeContrast();
        // A mean of several rates or sizes is of none of them.
        if (_points.Select(point => (point.Size, point.Rate)).Distinct().Count() == 1)
        {
            XenflowMeasures.Record(run, [.. _points.Select(point => point.Trial)]);
            run.Record(XenflowMeasures.LostStill, _points.Average(point => point.Still.Lost));
        }
        run.Record(XenflowMeasures.Repeats, _repeats);
        AddCharts();
    }

    /// <summary>Code is compiled when it first runs: there and back, so that no trial is the one to wait for it.</summary>
    private void Rehearse(XenflowTraffic traffic)
    {
        if (!_isRehearsed)
        {
            lab.MoveFlows(run, _making);
            lab.MoveFlows(run, _breaking);
            traffic.Fill(run);
            _isRehearsed = true;
        }
    }

    private IEnumerable<double> ChooseRates(PacketSize size, XenflowTraffic traffic)
    {
        if (run.Get(XenflowParameters.Rate) is { } one)
        {
            return [one];
        }
        if (run.Options.Small)
        {
            return [2000, 8000];
        }
        double highest = XenflowRates.FindHighest(run, size, traffic)[0].Asked;
        return ((double[])[1000, 8000, 0.25 * highest, 0.5 * highest, 0.75 * highest, highest]).Where(rate => rate <= highest).Distinct().Order();
    }

    private void Compare(PacketSize size, XenflowTraffic traffic, double rate)
    {
        XenflowTrial still = Repeat(() => traffic.Run(rate, _duration, run.Cancellation), out _);
        for (int i = 0; i < run.Get(XenflowParameters.MovesAtEachRate); i++)
        {
            var point = new MovePoint(size, rate, still, Made: null, Broken: null, IsComplete: false, Again: 0);
            if (run.MakesFirst())
            {
                XenflowTrial made = Repeat(() => TryMove(traffic, rate, _making), out int repeats);
                bool isComplete = XenflowLab.CountExact(lab.Here).Flows == _flows && XenflowLab.CountExact(lab.There).Flows == 0;
                point = point with { Made = made, IsComplete = isComplete, Again = repeats };
                traffic.Fill(run);
            }
            if (run.BreaksFirst())
            {
                point = point with { Broken = TryMove(traffic, rate, _breaking) };
                // Entries that packets in between were given anew, or were not, are made complete.
                traffic.Fill(run);
            }
            _points.Add(point);
            string again = point.Again > 0 ? $"; at trial {point.Again + 1}" : string.Empty;
            run.Say($"{size.Name}, {rate:0} a second: {point.Describe(DescribeMove)}{again}");
            if (point.Made is { Lost: > 0 } lossy)
            {
                run.Say($"  lost: {lossy.DescribeLoss()}");
            }
        }
    }

    /// <summary>A move in the middle of traffic; when exactly is left to chance.</summary>
    private XenflowTrial TryMove(XenflowTraffic traffic, double rate, MoveSteps steps) =>
        traffic.Run(rate, _duration, moment: 0.25 + (run.Random.NextDouble() / 4), () => lab.MoveFlows(run, steps), run.Cancellation);

    private static string DescribeMove(XenflowTrial trial) =>
        $"{trial.Move!.Total.TotalMilliseconds:0.0} ms, {trial.Lost} of {trial.Offered} lost, {trial.Arrived.Duplicates} twice, {trial.Arrived.Reordered} out of order";

    /// <summary>
    /// A trial in which packets were lost to overload alone is repeated; one in which any packet found no entry is not.
    /// Nor is any at a rate that is set: what is lost there is what was asked for, and the best of several trials does not say it.
    /// </summary>
    private XenflowTrial Repeat(Func<XenflowTrial> trial, out int again)
    {
        int most = run.Get(XenflowParameters.Rate) == null ? MostTrials : 1;
        XenflowTrial result = trial();
        for (again = 0; again < most - 1 && result.Lost > 0 && result.WasAlwaysRouted; again++)
        {
            result = trial();
        }
        _repeats += again;
        return result;
    }

    private void Judge(PacketSize size, double highest)
    {
        MovePoint[] points = [.. _points.Where(point => point.Size == size)];
        XenflowTrial[] made = [.. points.Select(point => point.Made).OfType<XenflowTrial>()];
        if (made.Length > 0)
        {
            // A rate that was given rather than searched for may be overload. A move without its rules loses packets at any rate.
            bool isLossTime = !run.IsUsual();
            long lost = made.Sum(trial => trial.Lost);
            string rates = string.Join(", ", made.Select(trial => $"{trial.Asked:0} ({trial.OfferedPerSecond:0} on average)"));
            run.Check(
                $"{size.Name}: lost by moving make before break, at every rate up to {highest:0} a second", "0",
                $"{lost} of {made.Sum(trial => trial.Offered)} at {rates}; "
                + $"{points.Sum(point => point.Again)} trials were repeated that lost packets though each met an entry", lost == 0, isLossTime);
            JudgeMoment(size.Name, made);
            double blocked = made.Max(trial => trial.BlockedMilliseconds);
            run.Check($"{size.Name}: blocked time", "0 ms", $"{blocked:0.0} ms", blocked == 0, isLossTime);
            long strays = made.Sum(trial => trial.PacketIns + trial.Decided.Values.Sum());
            run.Check($"{size.Name}: packets that met no entry while the flows moved", "0", $"{strays}", strays == 0, isTime: !_making.AreSafe);
            bool areComplete = points.All(point => point.IsComplete && point.Made!.Move!.Flows.Count == _flows);
            run.Check(
                $"{size.Name}: after each move the one switch has all the flows and the other none", $"{_flows} and 0",
                areComplete ? $"{_flows} and 0" : "not so", areComplete, isTime: !_making.AreSafe);
        }
        XenflowTrial[] broken = [.. points.Select(point => point.Broken).OfType<XenflowTrial>()];
        if (broken.Length > 0)
        {
            JudgeMoment($"{size.Name}, break before make", broken);
            string moved = string.Join(", ", broken.Select(trial => trial.Move!.Flows.Count).Distinct());
            run.Check($"{size.Name}, break before make: flows that moved, each time", $"{_flows}", moved, moved == $"{_flows}");
        }
        AddFigures(size, points);
        run.Result.Add($"migrations {size.Name}", new JsonArray([.. points.Select(point => point.ToJson())]));
    }

    /// <summary>Whether there was traffic to lose: what was lost means nothing otherwise.</summary>
    private void JudgeMoment(string moves, XenflowTrial[] trials) => run.Check(
        $"{moves}: each move was in the middle of traffic, part by the old path and part by the new", "yes",
        string.Join(", ", trials.Select(trial => $"{trial.ByOldPath} before it, {trial.ByNewPath} by the new path")),
        trials.All(trial => trial.ByOldPath > 0 && trial.ByNewPath > 0));

    /// <summary>Whether loss would have been seen. A trial of the naive move alone may show none: the generator may have paused just then.</summary>
    private void JudgeContrast()
    {
        if (run.BreaksFirst())
        {
            long lost = _points.Sum(point => point.Broken!.Lost);
            run.CheckTime("lost by break before make, so that loss would have been seen", "some", $"{lost} in {_points.Count} moves", lost > 0);
        }
    }

    /// <summary>Of all moves: how long one of them takes is decided by what else the machine does as much as by the rate and the size of packets.</summary>
    private void JudgeTimes()
    {
        double[] times = [.. _points.Select(point => point.Trial.Move!.Total.TotalMilliseconds)];
        double median = Statistic.Median(times);
        run.CheckTime(
            $"move of {_flows} flows under traffic, from the selection to the last barrier reply, median", $"at most {LongestMoveMilliseconds:0} ms",
            $"{median:0.0} ms of {string.Join(", ", times.Select(time => $"{time:0.0}"))}", median <= LongestMoveMilliseconds);
    }

    private void AddFigures(PacketSize size, MovePoint[] points)
    {
        MovePoint last = points[^1];
        string at = $"at {last.Rate:0} a second";
        run.Figure($"{size.Name}: packets lost {at} (Fig. 9)", "0; native Xen loses more as the rate rises", last.Describe(trial => $"{trial.Lost}"));
        run.Figure($"{size.Name}: suspension {at} (Fig. 7)", "near 0; native Xen 12 to 35 s", last.Describe(trial => $"{trial.BlockedMilliseconds:0.0} ms"));
        string total = last.Describe(trial => $"{trial.Move!.Total.TotalMilliseconds:0.0} ms");
        if (run.MakesFirst() && run.BreaksFirst())
        {
            double ratio = points.Average(point => point.Made!.Move!.Total.TotalMilliseconds) / points.Average(point => point.Broken!.Move!.Total.TotalMilliseconds);
            total += $"; on average of all rates make before break takes {ratio:0.0} times as long";
        }
        run.Figure($"{size.Name}: total time {at} (Fig. 8)", "up to four times native Xen's", total);
        run.Figure(
            $"{size.Name}: duplicates and packets out of order, all rates", "\"desordenados e até mesmo duplicados\", not counted",
            $"{points.Sum(point => point.Trial.Arrived.Duplicates)} and {points.Sum(point => point.Trial.Arrived.Reordered)} of {points.Sum(point => point.Trial.Offered)}");
        run.Figure(
            $"{size.Name}: longest silence at the receiver {at}", "none given",
            $"{last.Trial.Arrived.LongestSilenceNanoseconds / 1e6:0.0} ms with the move, {last.Still.Arrived.LongestSilenceNanoseconds / 1e6:0.0} ms without");
    }

    private void AddCharts()
    {
        AddChart("Suspension against rate (Fig. 7)", "packets lost, as time, ms", trial => trial.BlockedMilliseconds);
        AddChart("Total time of the move against rate (Fig. 8)", "from the selection to the last confirmation, ms", trial => trial.Move!.Total.TotalMilliseconds);
        AddChart("Packets lost against rate (Fig. 9)", "packets lost in a move", trial => trial.Lost);
        AddChart("Packets out of order against rate", "packets out of order in a move", trial => trial.Arrived.Reordered);
    }

    private void AddChart(string title, string label, Func<XenflowTrial, double> figure) => run.Result.Add(new LineChart(
        title, new Axis("packets offered a second", IsLog: true), new Axis(label, Through: 1),
        [.. PacketSize.Of(run).SelectMany(size => (Series[])
            [
                new Series($"{size.Name}, make before break", Line(size, point => point.Made, figure)),
                new Series($"{size.Name}, break before make", Line(size, point => point.Broken, figure)),
            ]).Where(series => series.Points.Count > 0)]));

    private IReadOnlyList<(double X, double Y)> Line(PacketSize size, Func<MovePoint, XenflowTrial?> of, Func<XenflowTrial, double> figure) =>
        [.. _points.Where(point => point.Size == size).Select(of).OfType<XenflowTrial>().Select(trial => (X: trial.OfferedPerSecond, figure(trial))).OrderBy(point => point.X)];
}
