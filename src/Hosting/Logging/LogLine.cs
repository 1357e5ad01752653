using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Softswitch.Hosting.Logging;

/// <summary>What a line of the log looks like.</summary>
internal enum LogFormat
{
    /// <summary>Time, level, what: for people.</summary>
    Text,

    /// <summary>An object a line: for programs.</summary>
    Json,

    /// <summary>A priority and what (sd-daemon(3)): for journald, which has the time itself.</summary>
    Journal,
}

/// <summary>One entry of the log.</summary>
/// <param name="Time">When it came about.</param>
/// <param name="Level">How much it matters.</param>
/// <param name="Event">Its number and name.</param>
/// <param name="Text">What happened.</param>
/// <param name="Fields">What the text was made of; null if that is all there is.</param>
/// <param name="Switch">Which of several switches says so; null where there is one.</param>
internal readonly record struct LogLine(
    DateTimeOffset Time, LogLevel Level, EventId Event, string Text, IReadOnlyList<KeyValuePair<string, object?>>? Fields = null, string? Switch = null)
{
    private const string Template = "{OriginalFormat}";
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    /// <summary>The line, with its end. What a stranger's bytes brought into it stays on it.</summary>
    public string Format(LogFormat format) => format switch
    {
        LogFormat.Json => FormatJson(),
        LogFormat.Journal => $"<{Priority}>{Prefix}{Plain(Text)}\n",
        _ => $"{Time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture)} {Word,-7} {Prefix}{Plain(Text)}\n",
    };

    private string Prefix => Switch == null ? string.Empty : $"{Switch}: ";

    /// <summary>As for <c>--log-level</c>.</summary>
    private string Word => Level switch
    {
        LogLevel.Critical => "fatal",
        LogLevel.Error => "error",
        LogLevel.Warning => "warning",
        LogLevel.Information => "info",
        _ => "debug",
    };

    /// <summary>Of syslog(3).</summary>
    private int Priority => Level switch
    {
        LogLevel.Critical => 2,
        LogLevel.Error => 3,
        LogLevel.Warning => 4,
        LogLevel.Information => 6,
        _ => 7,
    };

    private string FormatJson()
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            json.WriteString("time", Time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture));
            json.WriteString("level", Word);
            json.WriteString("event", Event.Name);
            if (Switch != null)
            {
                json.WriteString("switch", Switch);
            }
            json.WriteString("message", Text);
            foreach ((string name, object? value) in Fields ?? [])
            {
                if (name != Template && !Text.Equals(value))
                {
                    json.WriteString(JsonNamingPolicy.CamelCase.ConvertName(name), Convert.ToString(value, CultureInfo.InvariantCulture));
                }
            }
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(bytes.ToArray()) + "\n";
    }

    private static string Plain(string text) =>
        text.Any(char.IsControl) ? string.Concat(text.ReplaceLineEndings(" ").Select(c => char.IsControl(c) ? '?' : c)) : text;
}
