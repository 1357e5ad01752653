using System.Globalization;
using Softswitch.Scenarios.Parameters;

namespace Softswitch.Scenarios.Sweeps;

/// <summary>Makes the runs that a plan asks for and its folder does not have, and makes again what others spoiled.</summary>
/// <param name="run">Makes one.</param>
/// <param name="say">Takes lines for people.</param>
/// <param name="renew">Writes the page; after each run.</param>
internal sealed class Sweep(SweepPlan plan, SweepFolder folder, SweepOrigin origin, Func<SweepPoint, SweepOutcome> run, Action<string> say, Action renew)
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
            // Whoever starts a finished sweep once more wants what was spoiled made again.
            limits = plan.Points.ToDictionary(point => point, point => folder.AttemptsAt(point).Count + MostAttempts);
        }
        int there = plan.Points.Count(point => !IsDue(point));
        if (there > 0)
        {
            say($"{there} of {plan.Points.Count} runs are there");
        }
        foreach (IGrouping<int, SweepPoint> repetition in plan.Points.GroupBy(point => point.Repetition))
        {
            // What was spoiled comes again behind all others: by then, whoever did it may be gone.
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
            string values = string.Join(", ", plan.Swept.Append(Scenario.Seed).Select(parameter => $"{parameter.Key}={point.Values.TextOf(parameter)}"));
            say($"run {plan.Points.ToList().IndexOf(point) + 1} of {plan.Points.Count}{(attempt > 1 ? $", attempt {attempt}" : string.Empty)}: {values}");
            var made = SweepRun.Create(plan, point, origin, folder.Runs.Select(one => one.Number).DefaultIfEmpty(0).Max() + 1, attempt, run(point));
            folder.Add(made);
            renew();
            say($"  {Describe(made)}{TimeLeft(plan.Points.Count(IsDue))}");
        }
    }

    /// <summary>With <c>--small</c> times decide nothing, and it is meant for machines that do other things: nothing is made again.</summary>
    private bool IsDone(SweepRun one) => one.SpoiledBy == null || plan.Options.Small;

    private string Describe(SweepRun made)
    {
        IEnumerable<Measure> measures = (plan.Figure?.Measures ?? plan.Scenario.Measures).Where(measure => made.Find(measure) != null).Take(2);
        string found = string.Join(", ", measures.Select(measure => $"{measure.Name} {made.Text(measure.Name)}"));
        string spoiled = made.SpoiledBy == null ? string.Empty : $"; spoiled: {made.SpoiledBy}";
        return $"{(made.Passed ? "passed" : $"NOT PASSED: {made.Failure}")}{(found.Length == 0 ? string.Empty : $"; {found}")}{spoiled}";
    }

    private string TimeLeft(int due)
    {
        double seconds = due * folder.Runs.Average(one => one.Seconds);
        return due == 0 ? string.Empty : string.Create(CultureInfo.InvariantCulture, $"; about {(seconds < 90 ? $"{seconds:0} s" : $"{seconds / 60:0} min")} left");
    }
}
