using System.Globalization;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Scenarios.Sweeps;

/// <summary>A sweep as it is asked for.</summary>
/// <param name="Settings">Each as behind <c>--set</c>.</param>
/// <param name="Sweeps">Each as behind <c>--sweep</c>.</param>
/// <param name="Figure">One of the paper's figures, by its name; null for none.</param>
/// <param name="Repeat">Null for the figure's, or once.</param>
internal sealed record SweepRequest(
    IReadOnlyList<string> Settings, IReadOnlyList<string> Sweeps, string? Figure = null, int? Repeat = null);

/// <summary>A run that a sweep is to have: one combination of values with one seed.</summary>
/// <param name="Repetition">From 1 on.</param>
/// <param name="Settings">As behind <c>--set</c>, with the seed.</param>
internal sealed record SweepPoint(int Repetition, ParameterValues Values, IReadOnlyList<string> Settings);

/// <summary>What a sweep is to run: every combination of the swept values, each as often as asked. All of it is allowed.</summary>
internal sealed class SweepPlan
{
    private SweepPlan(
        Scenario scenario, ScenarioOptions options, PaperFigure? figure, IReadOnlyList<Parameter> swept, IReadOnlyList<SweepPoint> points)
    {
        Scenario = scenario;
        Options = options;
        Figure = figure;
        Swept = swept;
        Points = points;
    }

    public Scenario Scenario { get; }

    public ScenarioOptions Options { get; }

    /// <summary>The paper's figure that it repeats; null for none.</summary>
    public PaperFigure? Figure { get; }

    /// <summary>In the order asked for.</summary>
    public IReadOnlyList<Parameter> Swept { get; }

    /// <summary>In the order of the runs. All values once, then once more: a machine that changes does so for all of them.</summary>
    public IReadOnlyList<SweepPoint> Points { get; }

    /// <exception cref="OptionException">A key or a value is not allowed; the message names option, key and value.</exception>
    public static SweepPlan Create(Scenario scenario, ScenarioOptions options, SweepRequest asked)
    {
        PaperFigure? figure = asked.Figure == null ? null
            : scenario.PaperFigures.FirstOrDefault(one => one.Name == asked.Figure)
            ?? throw new OptionException($"--figure: '{asked.Figure}' is no figure of {scenario.Name}; {NamesOf(scenario)}");
        Said[] set = Read("--set", scenario, asked.Settings.SelectMany(one => one.Split(',')), IsOne);
        Said[] swept = Read("--sweep", scenario, asked.Sweeps, AreSeveral);
        if (swept.FirstOrDefault(one => one.IsAmong(set)) is { } both)
        {
            throw new OptionException($"--sweep: {both.Parameter.Key} is set too, by --set");
        }
        if (swept.Any(one => one.Parameter == Scenario.Seed))
        {
            throw new OptionException($"--sweep: {Scenario.Seed.Key}: --repeat counts on from it, so it is not swept");
        }
        // A parameter's values on the command line replace the figure's, be it one or several.
        Said[] settings = Merge(Read("--figure", scenario, figure?.Settings, IsOne), set, swept);
        Said[] sweeps = Merge(Read("--figure", scenario, figure?.Sweeps, AreSeveral), swept, set);
        string seed = settings.FirstOrDefault(one => one.Parameter == Scenario.Seed)?.Text ?? Scenario.Seed.TextOf(options);
        string[] same = [.. settings.Where(one => one.Parameter != Scenario.Seed).Select(one => $"{one.Parameter.Key}={one.Text}")];
        IEnumerable<string[]> grid = [same];
        foreach (Said sweep in sweeps)
        {
            grid = grid.SelectMany(one => sweep.Values.Select(value => (string[])[.. one, $"{sweep.Parameter.Key}={value}"]));
        }
        string[][] combinations = [.. grid];
        IEnumerable<SweepPoint> points =
            from repetition in Enumerable.Range(1, asked.Repeat ?? figure?.Repeat ?? 1)
            let counted = (long.Parse(seed, CultureInfo.InvariantCulture) + repetition - 1).ToString(CultureInfo.InvariantCulture)
            from combination in combinations
            select PointOf(repetition, [.. combination, $"{Scenario.Seed.Key}={counted}"]);
        return new SweepPlan(scenario, options, figure, [.. sweeps.Select(one => one.Parameter)], [.. points]);

        SweepPoint PointOf(int repetition, string[] values) => new(
            repetition, Named(sweeps.Length > 0 ? "--sweep" : "--set", () => ParameterValues.Parse(scenario, options, values)), values);
    }

    /// <summary>Settings or sweeps, each value read once to know that it is allowed.</summary>
    /// <param name="check">Of what is behind the equals sign.</param>
    private static Said[] Read(string option, Scenario scenario, IEnumerable<string>? said, Action<Said> check) => Named(option, () =>
    {
        var read = new List<Said>();
        foreach ((string key, string text) in (said ?? []).Select(ParameterValues.Split))
        {
            var one = new Said(ParameterValues.Find(scenario, key), text);
            check(one);
            if (one.IsAmong(read))
            {
                throw new OptionException($"{key}: is given twice");
            }
            read.Add(one);
        }
        return read.ToArray();
    });

    private static void IsOne(Said said) => said.Parameter.Parse(said.Text);

    private static void AreSeveral(Said said)
    {
        var values = new HashSet<string>();
        foreach (string text in said.Values)
        {
            if (!values.Add(said.Parameter.Format(said.Parameter.Parse(text))))
            {
                throw new OptionException($"{said.Parameter.Key}: {text} is there twice");
            }
        }
    }

    /// <summary>The settings of a figure and of the command line; the command line wins.</summary>
    /// <param name="same">The command line's, in the same form.</param>
    /// <param name="other">In the other: such a parameter is no more the figure's.</param>
    private static Said[] Merge(Said[] figure, Said[] same, Said[] other) =>
    [
        .. figure.Where(one => !one.IsAmong(other)).Select(one => same.FirstOrDefault(mine => mine.Parameter == one.Parameter, one)),
        .. same.Where(one => !one.IsAmong(figure)),
    ];

    private static string NamesOf(Scenario scenario) => scenario.PaperFigures.Count == 0
        ? "it has none"
        : $"there are {string.Join(", ", scenario.PaperFigures.Select(one => one.Name))}";

    private static T Named<T>(string option, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (OptionException e)
        {
            throw new OptionException($"{option}: {e.Message}", e);
        }
    }

    /// <summary>What was said of a parameter.</summary>
    /// <param name="Text">A value, or several with commas between them.</param>
    private sealed record Said(Parameter Parameter, string Text)
    {
        public IEnumerable<string> Values => Text.Split(',', StringSplitOptions.TrimEntries);

        public bool IsAmong(IEnumerable<Said> others) => others.Any(other => other.Parameter == Parameter);
    }
}
