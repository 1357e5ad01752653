
namespace Softswitch.Scenarios.Sweeps;

/// <summary>Makes the runs that a plan asks for and its folder does not have, and repeats runs that other load disturbed.</summary>
/// <param name="run">Makes one.</param>
/// <param name="say">Takes lines for people.</param>
/// <param name="renew">Writes the page; after each run.</param>
internal sealed class Sweep(
    SweepPlan plan, SweepFolder folder, SweepOrigin origin, Func<SweepPoint, SweepOutcome> run, Action<string> say, Action renew)
{
    // A machine that is busy three times over the length of a sweep will be so a fourth time.
    private const int MostAttempts = 3;

    /// <returns>Whether of all points of the plan the runs that count passed.</returns>
    /// <exception cref="OperationCanceledException">Interrupted; the runs made until then are kept.</exception>
    public bool Run(CancellationToken cancellation)
    {
        Dictionary<SweepPoint, int> limits = plan.Points.ToDictionary(point => point, _ => MostAttempts);
        if (!plan.Points.Any(IsDue))
        {
            // A finished sweep that is started once more repeats its spoiled runs.
            limits = plan.Points.ToDictionary(point => point, point => folder.AttemptsAt(point).Count + MostAttempts);
        }
        Dictionary<SweepPoint, int> places = plan.Points.Index().ToDictionary(point => point.Item, point => point.Index + 1);
        int there = plan.Points.Count(point => !IsDue(point));
        if (there > 0)
        {
            say($"{there} of {plan.Points.Count} runs are there");
        }
        foreach (IGrouping<int, SweepPoint> repetition in plan.Points.GroupBy(point => point.Repetition))
        {
            // Spoiled runs are repeated after all others: the other load may have ended by then.
            while (repetition.Where(IsDue).ToArray() is { Length: > 0 } due)
            {
                foreach (SweepPoint point in due)
                {
                    cancellation.ThrowIfCancellationRequested();
                    Make(point);
                }
            }
        }
        return plan.Points.All(point => SweepFolder.StandingOf(folder.AttemptsAt(point)).Passed);

        bool IsDue(SweepPoint point) =>
            folder.AttemptsAt(point) is var attempts && !attempts.Any(IsDone) && attempts.Count < limits[point];

        void Make(SweepPoint point)
        {
            int attempt = folder.AttemptsAt(point).Count + 1;
            IEnumerable<string> values = plan.Swept.Append(Scenario.Seed).Select(key => $"{key.Key}={point.Values.TextOf(key)}");
            string again = attempt > 1 ? $", attempt {attempt}" : string.Empty;
            say($"run {places[point]} of {places.Count}{again}: {string.Join(", ", values)}");
            int number = folder.Runs.Select(one => one.Number).DefaultIfEmpty(0).Max() + 1;
            var made = SweepRun.Create(plan, point, origin, number, attempt, run(point));
            folder.Add(made);
            renew();
            say($"  {Describe(made)}{TimeLeft(plan.Points.Count(IsDue))}");
        }
    }

    /// <summary>With <c>--small</c>, which is for machines that do other things, times decide nothing: no run is made again.</summary>
    private bool IsDone(SweepRun one) => one.Result != null && (one.DisturbedBy == null || plan.Options.Small);

    private string Describe(SweepRun made)
    {
        IReadOnlyList<Measure> asked = plan.Figure?.Measures ?? plan.Scenario.Measures;
        string[] parts =
        [
            made.Passed ? "passed" : $"NOT PASSED: {made.Failure ?? SweepRun.NoCheck}",
            .. asked.Where(measure => made.Find(measure) != null).Take(2).Select(measure => $"{measure.Name} {made.Text(measure.Name)}"),
            .. made.DisturbedBy is { } reason ? (string[])[$"spoiled: {reason}"] : [],
        ];
        return string.Join("; ", parts);
    }

    private string TimeLeft(int due)
    {
        double seconds = due * folder.Runs.Average(one => one.Seconds);
        string time = seconds < 90 ? $"{seconds:0} s" : $"{seconds / 60:0} min";
        return due == 0 ? string.Empty : $"; about {time} left";
    }
}
