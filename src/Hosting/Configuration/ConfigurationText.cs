using System.Globalization;
using System.Text;

namespace Softswitch.Hosting.Configuration;

/// <summary>Writes options as a configuration file, which gives the same options when it is read.</summary>
internal static class ConfigurationText
{
    private static readonly string[] OtherTypes = ["true", "false", "null", "yes", "no", "on", "off", "~"];

    /// <param name="pending">Changes that take a new start, for comments.</param>
    /// <param name="all">Whether what is at its default is written, too, instead of being in comments.</param>
    /// <param name="isMeant">Which options are written; null for all.</param>
    public static IReadOnlyList<string> Lines(SwitchOptions options, IReadOnlyList<string> pending, bool all, Func<SwitchOption, bool>? isMeant = null)
    {
        List<string> lines = [.. pending.Select(line => $"# {line}")];
        List<string> defaults = [];
        foreach (SwitchOption option in SwitchOption.All.Where(isMeant ?? (static _ => true)))
        {
            string[] values = [.. option.Show(options)];
            bool isDefault = values.Length == 1 && !option.IsRepeatable && values[0] == option.DefaultValue;
            if (values.Length > 0)
            {
                (isDefault && !all ? defaults : lines).AddRange(Lines(option, values));
            }
        }
        return [.. lines, .. defaults.Select(line => $"# {line}")];
    }

    private static IEnumerable<string> Lines(SwitchOption option, string[] values)
    {
        bool isPlain = option.Range != null || option.IsFlag || option.Words.Count > 0;
        return option.IsRepeatable
            ? [$"{option.Name}:", .. values.Select(value => $"  - {Quote(value)}")]
            : [$"{option.Name}: {(isPlain ? values[0] : Quote(values[0]))}"];
    }

    /// <summary>A value as YAML's readers take it for text: bare where nothing in it could mean anything else, else in double quotes.</summary>
    public static string Quote(string value)
    {
        bool isBare = value.Length > 0 && value.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=,@+".Contains(c, StringComparison.Ordinal))
            && (char.IsAsciiLetter(value[0]) || value[0] == '/' || (char.IsAsciiDigit(value[0]) && value.Contains('=', StringComparison.Ordinal)))
            && value[^1] != ':' && !OtherTypes.Contains(value, StringComparer.OrdinalIgnoreCase);
        if (isBare)
        {
            return value;
        }
        StringBuilder quoted = new("\"");
        foreach (char c in value)
        {
            quoted.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                _ when char.IsControl(c) => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => c.ToString(),
            });
        }
        return quoted.Append('"').ToString();
    }
}
