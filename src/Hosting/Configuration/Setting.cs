namespace Softswitch.Hosting.Configuration;

/// <summary>One value that a person gave, and where, so that an error can point there.</summary>
/// <param name="Key">The option's name without dashes.</param>
/// <param name="Value">As written.</param>
/// <param name="Origin">Such as <c>--port</c> or <c>switch.yaml:3: port</c>.</param>
internal sealed record Setting(string Key, string Value, string Origin)
{
    public bool IsFromFile => !Origin.StartsWith("--", StringComparison.Ordinal);
}
