using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Hosting.Tests.Configuration;

/// <summary>What the declarations of the options say, for editors and for people.</summary>
internal static class ConfigurationDocuments
{
    private const int Columns = 120;
    private const string NewStart = "needs a new start";

    /// <summary>A JSON schema (draft-07, which editors' YAML extensions read) of the configuration file.</summary>
    public static string Schema()
    {
        JsonObject Properties(Func<SwitchOption, bool> isMeant) => new(SwitchOption.All.Where(isMeant).Select(option => KeyValuePair.Create<string, JsonNode?>(option.Name, Property(option))));

        static JsonObject Property(SwitchOption option)
        {
            JsonObject one = Value(option);
            JsonObject property = option.IsRepeatable
                ? new JsonObject { ["oneOf"] = new JsonArray(one.DeepClone(), new JsonObject { ["type"] = "array", ["items"] = one }) }
                : one;
            property["description"] = $"{Sentence(option.Description)} On reload: {option.OnReload ?? NewStart}.";
            if (option.DefaultValue is { } value)
            {
                property["default"] = Typed(option, value);
            }
            return property;
        }

        JsonObject ofOne = Properties(option => option.Scope != OptionScope.Process);
        JsonObject properties = Properties(_ => true);
        properties[FileSettings.SwitchesKey] = new JsonObject
        {
            ["description"] = "The switches of a process that has several, each with options of its own; what stands beside is the process's, or holds for those that say nothing else. On reload: new ones are started, those that are gone are ended.",
            ["type"] = new JsonArray("array", "null"),
            ["items"] = new JsonObject
            {
                ["type"] = "object",
                ["additionalProperties"] = false,
                ["required"] = new JsonArray("name"),
                ["properties"] = ofOne,
            },
        };
        JsonObject schema = new()
        {
            ["$schema"] = "http://json-schema.org/draft-07/schema#",
            ["title"] = "Softswitch: the file of run --config",
            ["type"] = "object",
            ["additionalProperties"] = false,
            ["properties"] = properties,
        };
        JsonSerializerOptions options = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        return schema.ToJsonString(options) + "\n";
    }

    /// <summary>The keys as a list of a page.</summary>
    public static string Page() => string.Concat(SwitchOption.All.Select(option =>
    {
        string form = option.IsFlag ? "`true`, `false`"
            : option.Range is (int lowest, int highest) ? $"{lowest} to {highest}"
            : option.Words.Count > 0 ? string.Join(", ", option.Words.Select(word => $"`{word}`"))
            : $"`{option.Argument}`";
        string more = option.IsRepeatable ? ", or a list of them" : string.Empty;
        string otherwise = option.DefaultValue is { } value ? $" ({value})" : string.Empty;
        string whose = option.Scope switch
        {
            OptionScope.Process => " *The process's.*",
            OptionScope.OneSwitch => " *One switch's.*",
            OptionScope.Each => " *The process's, and each switch's.*",
            _ => string.Empty,
        };
        string reload = option.OnReload is { } what ? $" *Reload:* {what}." : string.Empty;
        return Wrap($"- **`{option.Name}`**: {form}{more}{otherwise}. {Sentence(Shortened(option))}{whose}{reload}");
    }));

    /// <summary>The help's line without range and default, which the page has said before.</summary>
    private static string Shortened(SwitchOption option)
    {
        string text = option.Description;
        if (option.Range is (int lowest, int highest))
        {
            text = text.Replace($", {lowest} to {highest}", string.Empty, StringComparison.Ordinal);
        }
        return option.DefaultValue is { } value ? text.Replace($" (default {value})", string.Empty, StringComparison.Ordinal) : text;
    }

    private static JsonObject Value(SwitchOption option) =>
        option.IsFlag ? new JsonObject { ["type"] = "boolean" }
        : option.Range is (int lowest, int highest) ? new JsonObject { ["type"] = "integer", ["minimum"] = lowest, ["maximum"] = highest }
        : option.Words.Count > 0 ? new JsonObject { ["enum"] = new JsonArray([.. option.Words.Select(word => Typed(option, word))]) }
        : option.IsRepeatable ? new JsonObject { ["type"] = "string", ["minLength"] = 1 }
        : new JsonObject { ["type"] = new JsonArray("string", "integer") }; // 8080 and 42 are text to the switch and numbers to YAML

    private static JsonValue Typed(SwitchOption option, string value) =>
        option.IsFlag ? JsonValue.Create(value == "true")
        : int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? JsonValue.Create(number)
        : JsonValue.Create(value);

    private static string Sentence(string text) => $"{char.ToUpperInvariant(text[0])}{text[1..]}.";

    private static string Wrap(string text)
    {
        List<string> lines = [string.Empty];
        foreach (string word in text.Split(' '))
        {
            if (lines[^1].Length + 1 + word.Length > Columns)
            {
                lines.Add(" ");
            }
            lines[^1] += lines[^1].Length == 0 ? word : $" {word}";
        }
        return string.Concat(lines.Select(line => $"{line}\n"));
    }
}
