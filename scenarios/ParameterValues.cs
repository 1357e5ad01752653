using System.Globalization;
using System.Text.Json.Nodes;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Scenarios;

/// <summary>The values of a scenario's parameters for one run.</summary>
internal sealed class ParameterValues
{
    private readonly ScenarioOptions _options;
    private readonly Dictionary<Parameter, object?> _set = [];

    private ParameterValues(Scenario scenario, ScenarioOptions options)
    {
        Parameters = Of(scenario);
        _options = options;
    }

    /// <summary>As of <see cref="Of"/>.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Whether nothing but the seed was set.</summary>
    public bool AreDefault => _set.Keys.All(parameter => parameter == Scenario.Seed);

    /// <summary>Reads what is behind <c>--set</c>.</summary>
    /// <param name="settings">Each <c>key=value[,key=value...]</c>.</param>
    /// <exception cref="OptionException">One is unknown, said twice, not allowed, or does not go with another.</exception>
    public static ParameterValues Parse(Scenario scenario, ScenarioOptions options, IEnumerable<string> settings)
    {
        var values = new ParameterValues(scenario, options);
        foreach (string setting in settings.SelectMany(text => text.Split(',')))
        {
            (string key, string text) = Split(setting);
            Parameter parameter = Find(scenario, key);
            if (!values._set.TryAdd(parameter, parameter.Parse(text)))
            {
                throw new OptionException($"{key}: is set twice");
            }
        }
        CommonParameters.Check(values, options);
        scenario.Check(values, options);
        return values;
    }

    /// <summary>The parts of <c>key=value</c>.</summary>
    public static (string Key, string Value) Split(string setting) =>
        setting.IndexOf('=', StringComparison.Ordinal) is int at and > 0
            ? (setting[..at].Trim(), setting[(at + 1)..].Trim())
            : throw new OptionException($"'{setting}' is not key=value");

    /// <summary>One of the scenario's parameters by its key.</summary>
    public static Parameter Find(Scenario scenario, string key) =>
        Of(scenario).FirstOrDefault(parameter => parameter.Key == key)
        ?? throw new OptionException($"'{key}' is no parameter of {scenario.Name}; there are {string.Join(", ", Of(scenario).Select(parameter => parameter.Key))}");

    /// <summary>All that a scenario has, the seed last.</summary>
    public static IReadOnlyList<Parameter> Of(Scenario scenario) => [.. scenario.Parameters, Scenario.Seed];

    public T Get<T>(Parameter<T> parameter) => _set.TryGetValue(parameter, out object? value) ? (T)value! : parameter.ValueOf(_options);

    /// <summary>Whether it was set by hand.</summary>
    public bool IsSet(Parameter parameter) => _set.ContainsKey(parameter);

    public string TextOf(Parameter parameter) => _set.TryGetValue(parameter, out object? value) ? parameter.Format(value) : parameter.TextOf(_options);

    /// <summary>Refuses parameters that change nothing in the part that runs: a sweep of them would be in vain.</summary>
    /// <param name="mattersTo">The parts that a parameter matters to; what is not there matters to all.</param>
    /// <exception cref="OptionException">It names key, part, and the parts that the key matters to.</exception>
    public void CheckPart(Parameter<string> part, IReadOnlyDictionary<Parameter, string[]> mattersTo)
    {
        string chosen = Get(part);
        foreach ((Parameter parameter, string[] parts) in mattersTo)
        {
            if (IsSet(parameter) && !parts.Contains(chosen))
            {
                string others = string.Join(" or ", parts.Select(one => $"{part.Key}={one}"));
                throw new OptionException($"{parameter.Key}: is not for {part.Key}={chosen}; it is for {others}");
            }
        }
    }

    /// <summary>Every one by its column; numbers as numbers.</summary>
    public JsonObject ToJson()
    {
        var values = new JsonObject();
        foreach (Parameter parameter in Parameters)
        {
            string text = TextOf(parameter);
            values[parameter.Column] = parameter.IsNumber && double.TryParse(text, CultureInfo.InvariantCulture, out double number) ? number : text;
        }
        return values;
    }
}
