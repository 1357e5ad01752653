using System.Text.Json.Serialization;

namespace Softswitch.Hosting.Tracing;

/// <summary>Requests and reports as JSON on one line, with code made at compile time.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(TraceRequest))]
[JsonSerializable(typeof(IReadOnlyList<TraceReport>))]
internal sealed partial class TraceJson : JsonSerializerContext;
