using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Softswitch.Web;

/// <summary>What a handler says: a record as JSON, or lines for people.</summary>
/// <param name="Type">The media type.</param>
/// <param name="Content">In full.</param>
internal readonly record struct Answer(string Type, ReadOnlyMemory<byte> Content)
{
    public const string JsonType = "application/json; charset=utf-8";
    public const string TextType = "text/plain; charset=utf-8";
    public const string MetricsType = "text/plain; version=0.0.4; charset=utf-8";

    public static Answer Json<T>(T value, JsonTypeInfo<T> type) => new(JsonType, JsonSerializer.SerializeToUtf8Bytes(value, type));

    public static Answer Lines(IEnumerable<string> lines) => new(TextType, Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => $"{line.ReplaceLineEndings(" ")}\n"))));
}
