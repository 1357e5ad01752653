using System.Text.Json.Serialization;
using Softswitch.Hosting.Reports;

namespace Softswitch.Web;

/// <summary>What the page asks for besides the report, as JSON, with code made at compile time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(FlowPage))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, DropText>))]
internal sealed partial class WebJson : JsonSerializerContext;
