using System.Globalization;
using Softswitch.Hosting;
using Softswitch.Scenarios.Parameters;

namespace Softswitch.Scenarios.Sweeps;

/// <summary>A sweep as it is asked for.</summary>
/// <param name="Settings">Each as behind <c>--set</c>.</param>
/// <param name="Sweeps">Each as behind <c>--sweep</c>.</param>
/// <param name="Figure">One of the paper's figures, by its name; null for none.</param>
/// <param name="Repeat">Null for the figure's, or once.</param>
internal sealed record SweepRequest(IReadOnlyList<string> Settings, IReadOnlyList<string> Sweeps, string? Figure = null, int? Repeat = null);

/// <summary>A run that a sweep is to have: one combination of values with one seed.</summary>
/// <param name="Repetition">From 1 on.</param>
/// <param name="Settings">As behind <c>--set</c>, with the seed.</param>
internal sealed record SweepPoint(int Repetition, ParameterValues Values, IReadOnlyList<string> Settings);

/// <summary>What a sweep is to run: every combination of the swept values, each as often as asked. All of it is allowed.</summary>
internal sealed class SweepPlan
{
    private SweepPlan(Scenario scenario, ScenarioOptions options, PaperFigure? figure, IReadOnlyList<Parameter> swept, IReadOnlyList<SweepPoint> points)
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

    /// <summary>In the order of the runs. All values once, then once more: if the machine changes with time, it does so for all of them.</summary>
    public IReadOnlyList<SweepPoint> Points { get; }

    /// <exception cref="OptionException">A key or a value is not allowed; the message names option, key and value.</exception>
    public static SweepPlan Create(Scenario scenario, ScenarioOptions options, SweepRequest asked)
    {
        PaperFigure? figure = asked.Figure == null ? null
            : scenario.PaperFigures.FirstOrDefault(one => one.Name == asked.Figure)
            ?? throw new OptionException($"--figure: '{asked.Figure}' is no figure of {scenario.Name}; {NamesOf(scenario)}");
        (Parameter Parameter, string Text)[] set = Read("--set", asked.Settings.SelectMany(one => one.Split(',')), scenario, IsOne);
        (Parameter Parameter, string Text)[] swept = Read("--sweep", asked.Sweeps, scenario, AreSeveral);
        if (Array.Find(swept, sweep => Says(set, sweep.Parameter)).Parameter is { } both)
        {
            throw new OptionException($"--sweep: {both.Key} is set too, by --set");
        }
        // What a person says of a parameter stands in place of what the figure says, be it one value or several.
        (Parameter Parameter, string Text)[] settings = Merge(Read("--figure", figure?.Settings, scenario, IsOne), set, swept);
        (Parameter Parameter, string Text)[] sweeps = Merge(Read("--figure", figure?.Sweeps, scenario, AreSeveral), swept, set);
        if (sweeps.Any(sweep => sweep.Parameter == Scenario.Seed))
        {
            throw new OptionException($"--sweep: {Scenario.Seed.Key}: --repeat counts on from it, so it is not swept");
        }
        string seed = Array.Find(settings, setting => setting.Parameter == Scenario.Seed).Text ?? Scenario.Seed.TextOf(options);
        string[] plain = [.. settings.Where(setting => setting.Parameter != Scenario.Seed).Select(Setting)];
        IEnumerable<string[]> grid = [plain];
        foreach ((Parameter parameter, string text) in sweeps)
        {
            grid = grid.SelectMany(one => text.Split(',').Select(value => (string[])[.. one, Setting((parameter, value.Trim()))]));
        }
        string[][] combinations = [.. grid];
        return new SweepPlan(scenario, options, figure, [.. sweeps.Select(sweep => sweep.Parameter)], [.. Repetitions().SelectMany(repetition => repetition)]);

        IEnumerable<IEnumerable<SweepPoint>> Repetitions() =>
            from repetition in Enumerable.Range(1, asked.Repeat ?? figure?.Repeat ?? 1)
            let counted = (int.Parse(seed, CultureInfo.InvariantCulture) + repetition - 1L).ToString(CultureInfo.InvariantCulture)
            select combinations.Select(combination => PointOf(repetition, [.. combination, Setting((Scenario.Seed, counted))]));

        SweepPoint PointOf(int repetition, string[] said) =>
            new(repetition, Named(sweeps.Length > 0 ? "--sweep" : "--set", () => ParameterValues.Parse(scenario, options, said)), said);
    }

    /// <summary>Settings or sweeps, each value read once to know that it is allowed.</summary>
    /// <param name="check">Of the parameter and what is behind the equals sign.</param>
    private static (Parameter Parameter, string Text)[] Read(string option, IEnumerable<string>? said, Scenario scenario, Action<Parameter, string> check) => Named(option, () =>
    {
        var read = new List<(Parameter Parameter, string Text)>();
        foreach ((string key, string text) in (said ?? []).Select(ParameterValues.Split))
        {
            Parameter parameter = ParameterValues.Find(scenario, key);
            check(parameter, text);
            if (read.Exists(one => one.Parameter == parameter))
            {
                throw new OptionException($"{key}: is given twice");
            }
            read.Add((parameter, text));
        }
        return read.ToArray();
    });

    private static void IsOne(Parameter parameter, string text) => parameter.Parse(text);

    private static void AreSeveral(Parameter parameter, string texts)
    {
        var values = new HashSet<string>();
        foreach (string text in texts.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!values.Add(parameter.Format(parameter.Parse(text))))
            {
                throw new OptionException($"{parameter.Key}: {text} is there twice");
            }
        }
    }

    /// <summary>A figure's, replaced in their places by what a person says in the same way, without those of which a person says something in the other; then the rest.</summary>
    private static (Parameter Parameter, string Text)[] Merge(
        (Parameter Parameter, string Text)[] figure, (Parameter Parameter, string Text)[] same, (Parameter Parameter, string Text)[] other) =>
    [
        .. figure.Where(one => !Says(other, one.Parameter)).Select(one => same.FirstOrDefault(mine => mine.Parameter == one.Parameter, one)),
        .. same.Where(one => !Says(figure, one.Parameter)),
    ];

    private static bool Says((Parameter Parameter, string Text)[] said, Parameter parameter) => Array.Exists(said, one => one.Parameter == parameter);

    private static string Setting((Parameter Parameter, string Text) one) => $"{one.Parameter.Key}={one.Text}";

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
}
