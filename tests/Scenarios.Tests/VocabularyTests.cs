using System.Text.RegularExpressions;
using Softswitch.Hosting.Configuration;
using Softswitch.Scenarios.Commands;

namespace Softswitch.Scenarios.Tests;

/// <summary>One vocabulary for all scenarios: who knows one knows the words of the others.</summary>
public sealed class VocabularyTests
{
    private static readonly ScenarioOptions Plain = new();

    /// <summary>Words of a key, wherever it stands.</summary>
    private static readonly Dictionary<string, string[]> Words = new()
    {
        ["order"] = ["together", "one-by-one", "old-first", "new-last", "gateways-first"],
        ["insertion"] = ["proactive", "reactive", "on-demand", "paper"],
        ["barriers"] = ["on", "off"],
        ["make-before-break"] = ["on", "off", "both"],
        ["tunnel"] = ["capsulator", "gre", "ipip", "vxlan"],
        ["backend"] = ["packet", "xdp", "tap", "vhost-user"],
        ["device"] = ["software", "card"],
    };

    private static readonly Dictionary<string, string> Statistics = new()
    {
        ["_median_"] = "(median)",
        ["_mean_"] = "(mean)",
        ["_max_"] = "(longest)|(most)|(highest)",
    };

    /// <summary>What a measure's name ends in, and its label.</summary>
    private static readonly (string Unit, string Label)[] Units =
    [
        ("_ms", ", ms"), ("_s", ", s"), ("_mpps", ", Mpps"), ("_pps", ", packets a second"), ("_mbit_per_s", ", Mbit/s"),
        ("_mbytes", ", MB"), ("_packets", ""), ("_pings", ""), ("_flows", ""), ("_flow_mods", ""), ("_packet_ins", ""),
        ("_frames", ""), ("_sessions", ""),
        ("_trials", ""), ("_cpus", ""),
    ];

    public static TheoryData<string> Names => [.. ScenarioRunner.All.Select(scenario => scenario.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_key_takes_the_same_words_wherever_it_stands(string name) => Assert.All(
        Of(name).Parameters.Where(parameter => Words.ContainsKey(parameter.Key)),
        parameter => Assert.Subset(Words[parameter.Key].ToHashSet(), parameter.Allowed.Split(", ").ToHashSet()));

    [Fact]
    public void A_key_has_the_same_unit_and_column_wherever_it_stands() => Assert.All(
        ScenarioRunner.All.SelectMany(scenario => scenario.Parameters).GroupBy(parameter => parameter.Key),
        key => Assert.Single(key.Select(parameter => (parameter.Unit, parameter.Column)).Distinct()));

    [Theory]
    [MemberData(nameof(Names))]
    public void What_runs_is_said_first_and_what_it_is_made_of_last(string name)
    {
        string[] keys = [.. Of(name).Parameters.Select(parameter => parameter.Key)];
        Assert.Equal("part", keys[0]);
        string[] cables = ["backend", "device", "link-rate"];
        Assert.Equal(cables.Where(keys.Contains), keys.TakeLast(cables.Count(keys.Contains)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_measures_name_has_its_statistic_and_its_unit_and_so_has_its_label(string name) => Assert.All(Of(name).Measures, measure =>
    {
        (_, string label) = Assert.Single(Units, unit =>
            measure.Name.EndsWith(unit.Unit, StringComparison.Ordinal) && !IsLonger(measure.Name, unit.Unit));
        Assert.EndsWith(label, measure.What, StringComparison.Ordinal);
        Assert.All(Statistics, statistic => Assert.Equal(
            measure.Name.Contains(statistic.Key, StringComparison.Ordinal),
            statistic.Value.Split('|').Any(word => measure.What.Contains(word, StringComparison.Ordinal))));
        Assert.Matches(new Regex("^[a-z0-9_]+$"), measure.Name);
    });

    [Fact]
    public void The_same_measure_has_the_same_unit_of_its_label_in_every_scenario() => Assert.All(
        ScenarioRunner.All.SelectMany(scenario => scenario.Measures).GroupBy(measure => measure.Name),
        same => Assert.Single(same.Select(measure =>
            measure.What.Split(", ")[^1] is { Length: < 8 } unit ? unit : string.Empty).Distinct()));

    [Theory]
    [MemberData(nameof(Names))]
    public void What_changes_nothing_in_a_part_is_refused_with_it(string name)
    {
        Scenario scenario = Of(name);
        Parameter part = scenario.Parameters[0];
        Assert.Contains(part.Allowed.Split(", ").Where(word => word != "all"), word => scenario.Parameters.Skip(1).Any(key =>
            Record.Exception(() => ParameterValues.Parse(scenario, Plain, [$"part={word}", $"{key.Key}={key.TextOf(Plain)}"]))
                is OptionException refused
            && refused.Message.StartsWith($"{key.Key}: is not for part={word}", StringComparison.Ordinal)));
    }

    private static Scenario Of(string name) => ScenarioRunner.All.Single(scenario => scenario.Name == name);

    // "_mbit_per_s" ends in "_s" too.
    private static bool IsLonger(string name, string unit) =>
        Units.Any(other => other.Unit.Length > unit.Length && name.EndsWith(other.Unit, StringComparison.Ordinal));
}
