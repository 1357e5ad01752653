using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Softswitch.Hosting.Reports;

/// <summary>Reports as JSON on one line, with code made at compile time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(SwitchReport))]
[JsonSerializable(typeof(GroupReport))]
[JsonSerializable(typeof(IReadOnlyList<SwitchSummary>))]
[JsonSerializable(typeof(FlowActivityReport))]
internal sealed partial class ReportJson : JsonSerializerContext
{
    /// <summary>A name of an enumeration's as reports have it: <c>noSuchPort</c>.</summary>
    public static string NameOf<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    /// <summary>The names of the flags set.</summary>
    public static IReadOnlyList<string> NamesOf<T>(T flags)
        where T : struct, Enum =>
        [.. Enum.GetValues<T>().Where(flag => BitOperations.IsPow2(Convert.ToUInt64(flag, null)) && flags.HasFlag(flag)).Select(NameOf)];
}
