using System.Text.Json.Nodes;
using Softswitch.Lab;
using Softswitch.Lab.Charts;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>Moves all flows at each of several rates, make before break and break before make, for two sizes of packets: the paper's Figures 7 to 9.</summary>
internal sealed class XenflowMigrations(ScenarioRun run, XenflowLab lab, int flows)
{
    private const double LongestMoveMilliseconds = 50;

    // A trial that lost packets though every one of them met an entry is done again: the machine did something else for too long.
    private const int MostTrials = 5;

    // Trials without a move that must all be without loss at the highest rate.
    private const int Confirmations = 3;

    private static readonly PacketSize[] Sizes = [new("64 bytes", 60, 1.488e6), new("1500 bytes", 1514, 81_274)];

    private readonly TimeSpan _duration = TimeSpan.FromSeconds(run.Options.Small ? 0.3 : 1);
    private readonly List<Point> _points = [];

    public void Run()
    {
        // Code is compiled when it first runs: there and back, so that no trial is the one to wait for it.
        lab.MoveFlows(run);
        lab.MoveFlows(run, breaksFirst: true);
        foreach (PacketSize size in Sizes)
        {
            using var traffic = new XenflowTraffic(lab, size.FrameLength, flows, most: (long)(size.LineRate * _duration.TotalSeconds * 2));
            double highest = run.Options.Small ? 8000 : FindHighest(size, traffic);
            foreach (double rate in RatesUpTo(highest))
            {
                Compare(size, traffic, rate);
            }
            Judge(size, highest);
        }
        JudgeTimes();
        JudgeContrast();
        AddCharts();
    }

    private double[] RatesUpTo(double highest) => run.Options.Small
        ? [2000, highest]
        : [.. ((double[])[1000, 8000, 0.25 * highest, 0.5 * highest, 0.75 * highest, highest]).Where(rate => rate <= highest).Distinct().Order()];

    /// <summary>The highest rate, up to a gigabit's, at which the path loses nothing while nothing moves.</summary>
    private double FindHighest(PacketSize size, XenflowTraffic traffic)
    {
        _ = traffic.Run(Math.Min(size.LineRate, 10_000), _duration, run.Cancellation);
        XenflowTrial Try(double rate) => traffic.Run(rate, _duration / 2, run.Cancellation);
        XenflowTrial? found = new RateSearch(Tolerance: 0, Resolution: 0.1, Attempts: 3).Find(Try(size.LineRate), Try);
        double rate = found?.Asked ?? throw new TestbedException($"{size.Name}: packets are lost at every rate, though nothing moves");
        XenflowTrial[] confirmed;
        while ((confirmed = [.. Enumerable.Range(0, Confirmations).Select(_ => traffic.Run(rate, _duration, run.Cancellation))]).Sum(trial => trial.Lost) > 0)
        {
            rate *= 0.85;
        }
        double offered = confirmed.Average(trial => trial.OfferedPerSecond);
        run.Say($"{size.Name}: without any move nothing is lost at {rate:0} packets a second ({offered:0} on average, with the pauses of the generator)");
        run.Figure(
            $"{size.Name}: highest rate without loss while nothing moves", size.FrameLength > 1000 ? "about 8,000 a second" : "none given",
            $"{rate:0} a second ({100 * rate / size.LineRate:0} % of 1 Gbit/s); {offered:0} on average, with the pauses of the generator");
        return rate;
    }

    private void Compare(PacketSize size, XenflowTraffic traffic, double rate)
    {
        XenflowTrial still = Repeat(() => traffic.Run(rate, _duration, run.Cancellation), out _);
        XenflowTrial made = Repeat(() => traffic.Run(rate, _duration, () => lab.MoveFlows(run), run.Cancellation), out int again);
        (int moved, long byNewPath) = XenflowLab.CountExact(lab.Here);
        bool isComplete = moved == flows && XenflowLab.CountExact(lab.There).Flows == 0;
        XenflowTrial broken = traffic.Run(rate, _duration, () => lab.MoveFlows(run, breaksFirst: true), run.Cancellation);
        RestoreAll(traffic);
        var point = new Point(size, rate, still, made, broken, isComplete, byNewPath, again);
        _points.Add(point);
        run.Say(
            $"{size.Name}, {rate:0} a second: make before break {made.Move!.Total.TotalMilliseconds:0.0} ms, {made.Lost} of {made.Offered} lost, {made.Arrived.Duplicates} twice, "
            + $"{made.Arrived.Reordered} out of order{(again > 0 ? $", at trial {again + 1}" : string.Empty)}; break before make {broken.Move!.Total.TotalMilliseconds:0.0} ms, {broken.Lost} lost");
        if (made.Lost > 0)
        {
            run.Say($"  lost: {made.DescribeLoss()}");
        }
    }

    /// <summary>A trial in which packets were lost to overload alone is repeated; one in which any packet found no entry is not.</summary>
    private static XenflowTrial Repeat(Func<XenflowTrial> trial, out int again)
    {
        XenflowTrial result = trial();
        for (again = 0; again < MostTrials - 1 && result.Lost > 0 && result.WasAlwaysRouted; again++)
        {
            result = trial();
        }
        return result;
    }

    /// <summary>After the naive move: entries that packets in between were given anew, or were not, are made complete.</summary>
    private void RestoreAll(XenflowTraffic traffic)
    {
        if (XenflowLab.CountExact(lab.Here).Flows != flows)
        {
            _ = traffic.Send(rate: 2000, packets: flows, run.Cancellation);
        }
    }

    private void Judge(PacketSize size, double highest)
    {
        Point[] points = [.. _points.Where(point => point.Size == size)];
        long lost = points.Sum(point => point.Made.Lost);
        int again = points.Sum(point => point.Again);
        run.Check(
            $"{size.Name}: lost by moving make before break, at every rate up to {highest:0} a second", "0",
            $"{lost} of {points.Sum(point => point.Made.Offered)} at {string.Join(", ", points.Select(point => $"{point.Rate:0} ({point.Made.OfferedPerSecond:0} on average)"))}; "
            + $"{again} trials were repeated that lost packets though each met an entry", lost == 0);
        run.Check(
            $"{size.Name}: each move was in the middle of traffic, part by the old path and part by the new", "yes",
            string.Join(", ", points.Select(point => $"{point.Made.Arrived.Delivered - point.ByNewPath} and {point.ByNewPath}")),
            points.All(point => point.ByNewPath > 0 && point.ByNewPath < point.Made.Arrived.Delivered));
        double blocked = points.Max(point => point.Made.BlockedMilliseconds);
        run.Check($"{size.Name}: blocked time", "0 ms", $"{blocked:0.0} ms", blocked == 0);
        long strays = points.Sum(point => point.Made.PacketIns + point.Made.Decided.Values.Sum());
        run.Check($"{size.Name}: packets that met no entry while the flows moved", "0", $"{strays}", strays == 0);
        run.Check(
            $"{size.Name}: after each move the one switch has all the flows and the other none", $"{flows} and 0",
            points.All(point => point.IsComplete) ? $"{flows} and 0" : "not so", points.All(point => point.IsComplete && point.Made.Move!.Flows.Count == flows));
        AddFigures(size, points);
        run.Result.Add($"migrations {size.Name}", new JsonArray([.. points.Select(point => point.ToJson())]));
    }

    /// <summary>Whether loss would have been seen. A trial of the naive move alone may show none: the generator may have paused just then.</summary>
    private void JudgeContrast()
    {
        long lost = _points.Sum(point => point.Broken.Lost);
        run.CheckTime("lost by break before make, so that loss would have been seen", "some", $"{lost} in {_points.Count} moves", lost > 0);
    }

    /// <summary>Of all moves: how long one of them takes is decided by what else the machine does as much as by the rate and the size of packets.</summary>
    private void JudgeTimes()
    {
        double[] times = [.. _points.Select(point => point.Made.Move!.Total.TotalMilliseconds)];
        double median = Statistic.Median(times);
        run.CheckTime(
            $"move of {flows} flows under traffic, from the selection to the last barrier reply, median", $"at most {LongestMoveMilliseconds:0} ms",
            $"{median:0.0} ms of {string.Join(", ", times.Select(time => $"{time:0.0}"))}", median <= LongestMoveMilliseconds);
    }

    private void AddFigures(PacketSize size, Point[] points)
    {
        Point last = points[^1];
        string at = $"at {last.Rate:0} a second";
        run.Figure($"{size.Name}: packets lost {at} (Fig. 9)", "0; native Xen loses more as the rate rises", $"{last.Made.Lost}; break before make {last.Broken.Lost}");
        run.Figure(
            $"{size.Name}: suspension {at} (Fig. 7)", "near 0; native Xen 12 to 35 s",
            $"{last.Made.BlockedMilliseconds:0.0} ms; break before make {last.Broken.BlockedMilliseconds:0.0} ms");
        double ratio = points.Average(point => point.Made.Move!.Total.TotalMilliseconds) / points.Average(point => point.Broken.Move!.Total.TotalMilliseconds);
        run.Figure(
            $"{size.Name}: total time {at} (Fig. 8)", "up to four times native Xen's",
            $"{last.Made.Move!.Total.TotalMilliseconds:0.0} ms; {ratio:0.0} times break before make's on average of all rates");
        run.Figure(
            $"{size.Name}: duplicates and packets out of order, all rates", "\"desordenados e até mesmo duplicados\", not counted",
            $"{points.Sum(point => point.Made.Arrived.Duplicates)} and {points.Sum(point => point.Made.Arrived.Reordered)} of {points.Sum(point => point.Made.Offered)}");
        run.Figure(
            $"{size.Name}: longest silence at the receiver {at}", "none given",
            $"{last.Made.Arrived.LongestSilenceNanoseconds / 1e6:0.0} ms with the move, {last.Still.Arrived.LongestSilenceNanoseconds / 1e6:0.0} ms without");
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
        [.. Sizes.SelectMany(size => (Series[])
            [
                new Series($"{size.Name}, make before break", Line(size, point => figure(point.Made))),
                new Series($"{size.Name}, break before make", Line(size, point => figure(point.Broken))),
            ])]));

    private IReadOnlyList<(double X, double Y)> Line(PacketSize size, Func<Point, double> figure) =>
        [.. _points.Where(point => point.Size == size).OrderBy(point => point.Made.OfferedPerSecond).Select(point => (point.Made.OfferedPerSecond, figure(point)))];

    /// <param name="FrameLength">Without FCS.</param>
    /// <param name="LineRate">Packets a second at 1 Gbit/s.</param>
    private sealed record PacketSize(string Name, int FrameLength, double LineRate);

    /// <summary>What was measured at a rate.</summary>
    /// <param name="ByNewPath">Packets that the destination has forwarded.</param>
    /// <param name="Again">Trials of the move that had to be done again.</param>
    private sealed record Point(PacketSize Size, double Rate, XenflowTrial Still, XenflowTrial Made, XenflowTrial Broken, bool IsComplete, long ByNewPath, int Again)
    {
        public JsonObject ToJson() => new()
        {
            ["rate"] = Math.Round(Rate),
            ["still"] = Still.ToJson(),
            ["makeBeforeBreak"] = Made.ToJson(),
            ["breakBeforeMake"] = Broken.ToJson(),
            ["byNewPath"] = ByNewPath,
            ["repeated"] = Again,
        };
    }
}
