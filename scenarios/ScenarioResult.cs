using System.Text.Json.Nodes;
using Softswitch.Lab.Charts;

namespace Softswitch.Scenarios;

/// <summary>A figure of the paper's with ours beside it.</summary>
/// <param name="Paper">What the paper says; "none given" where it does not.</param>
internal sealed record ScenarioFigure(string Name, string Paper, string Ours);

/// <summary>Something that must hold for the scenario to pass.</summary>
/// <param name="What">A sentence about the system.</param>
/// <param name="Wanted">The limit, in words.</param>
/// <param name="Found">What was measured.</param>
/// <param name="IsJudged">Whether it decides; times do not at small scale, where other things run on the machine.</param>
internal sealed record ScenarioCheck(string What, string Wanted, string Found, bool Holds, bool IsJudged = true);

/// <summary>The flow table of a switch at some moment.</summary>
/// <param name="When">For people: before, after.</param>
/// <param name="Flows">In ovs-ofctl's words, a line each.</param>
/// <param name="Total">How many there were; <paramref name="Flows"/> may be the first of them.</param>
internal sealed record ScenarioTable(string Switch, string When, IReadOnlyList<string> Flows, int Total);

/// <summary>What a scenario found. Threads: one.</summary>
/// <param name="usesGuests">As of <see cref="ScenarioOptions.UsesGuests"/>.</param>
internal sealed class ScenarioResult(Scenario scenario, ParameterValues values, bool usesGuests)
{
    private readonly Dictionary<Measure, double> _measures = [];
    private readonly List<ScenarioFigure> _figures = [];
    private readonly List<ScenarioCheck> _checks = [];
    private readonly List<ScenarioMigration> _migrations = [];
    private readonly List<LineChart> _charts = [];
    private readonly List<ScenarioTable> _tables = [];
    private readonly JsonObject _data = [];

    public Scenario Scenario { get; } = scenario;

    public bool UsesGuests => usesGuests;

    public ParameterValues Values => values;

    /// <summary>The numbers found, by the scenario's <see cref="Scenario.Measures"/>; what was not measured is not in it.</summary>
    public IReadOnlyDictionary<Measure, double> Measures => _measures;

    public IReadOnlyList<ScenarioFigure> Figures => _figures;

    public IReadOnlyList<ScenarioCheck> Checks => _checks;

    /// <summary>Of guests; empty without them.</summary>
    public IReadOnlyList<ScenarioMigration> Migrations => _migrations;

    public IReadOnlyList<LineChart> Charts => _charts;

    public IReadOnlyList<ScenarioTable> Tables => _tables;

    /// <summary>Filled in by the runner.</summary>
    public Timeline Timeline { get; } = new();

    /// <summary>The topology as SVG, drawn by the runner while the lab stood.</summary>
    public string Drawing { get; set; } = string.Empty;

    /// <summary>Why it could not be run to its end; null if it was.</summary>
    public string? Failure { get; set; }

    public bool Passed => Failure == null && _checks.Count > 0 && _checks.TrueForAll(check => check.Holds || !check.IsJudged);

    public void Add(ScenarioFigure figure) => _figures.Add(figure);

    public void Add(ScenarioCheck check) => _checks.Add(check);

    public void Add(ScenarioMigration migration) => _migrations.Add(migration);

    public void Add(LineChart chart) => _charts.Add(chart);

    public void Add(ScenarioTable table) => _tables.Add(table);

    public void Add(Measure measure, double value)
    {
        if (!Scenario.Measures.Contains(measure))
        {
            throw new ArgumentException($"{measure.Name} is no measure of {Scenario.Name}", nameof(measure));
        }
        _measures.Add(measure, value);
    }

    /// <summary>Keeps figures for programs.</summary>
    public void Add(string name, JsonNode value) => _data[name] = value;

    public JsonObject ToJson() => new()
    {
        ["scenario"] = Scenario.Name,
        ["paper"] = Scenario.Paper,
        ["passed"] = Passed,
        ["failure"] = Failure,
        ["parameters"] = values.ToJson(),
        ["measures"] = new JsonObject(_measures.OrderBy(measure => Scenario.Measures.ToList().IndexOf(measure.Key))
            .Select(measure => KeyValuePair.Create(measure.Key.Name, double.IsFinite(measure.Value) ? (JsonNode?)measure.Value : null))),
        ["figures"] = new JsonArray([.. _figures.Select(figure => new JsonObject { ["name"] = figure.Name, ["paper"] = figure.Paper, ["ours"] = figure.Ours })]),
        ["checks"] = new JsonArray([.. _checks.Select(check => new JsonObject
        {
            ["what"] = check.What, ["wanted"] = check.Wanted, ["found"] = check.Found, ["holds"] = check.Holds, ["judged"] = check.IsJudged,
        })]),
        ["migrations"] = new JsonArray([.. _migrations.Select(migration => migration.ToJson())]),
        ["data"] = _data.DeepClone(),
        ["timeline"] = new JsonArray([.. Timeline.Events.Select(one => new JsonObject { ["seconds"] = Math.Round(Timeline.SecondsAt(one.When), 6), ["what"] = one.What })]),
        ["tables"] = new JsonArray([.. _tables.Select(table => new JsonObject
        {
            ["switch"] = table.Switch, ["when"] = table.When, ["entries"] = table.Total, ["flows"] = new JsonArray([.. table.Flows.Select(flow => (JsonNode)flow)]),
        })]),
    };
}
