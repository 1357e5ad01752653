using System.Text.Json.Serialization;

namespace Softswitch.Web;

/// <summary>What the page asks for besides the report, as JSON, with code made at compile time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(FlowPage))]
internal sealed partial class WebJson : JsonSerializerContext;
