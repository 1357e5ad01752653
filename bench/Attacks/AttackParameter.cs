using System.Globalization;
using Softswitch.Datapath.Flows;

namespace Softswitch.Bench.Attacks;

/// <summary>One thing about an attack that can be set, by name and as text.</summary>
/// <param name="Range">What it takes, for people.</param>
/// <param name="Text">Its value.</param>
/// <param name="Read">The attack with another value, or null if the text is none.</param>
internal sealed record AttackParameter(
    string Name,
    string Range,
    Func<AttackSpec, string> Text,
    Func<AttackSpec, string, AttackSpec?> Read)
{
    private static readonly (FlowWildcards Field, string Name)[] FieldNames =
    [
        (FlowWildcards.InPort, "in_port"), (FlowWildcards.DlSrc, "dl_src"), (FlowWildcards.DlDst, "dl_dst"),
        (FlowWildcards.DlVlan, "dl_vlan"), (FlowWildcards.DlVlanPcp, "dl_vlan_pcp"), (FlowWildcards.DlType, "dl_type"),
        (FlowWildcards.NwTos, "nw_tos"), (FlowWildcards.NwProto, "nw_proto"),
        (FlowWildcards.TpSrc, "tp_src"), (FlowWildcards.TpDst, "tp_dst"),
    ];

    public static IReadOnlyList<AttackParameter> All { get; } =
    [
        new(
            "fields", $"none, or some of {string.Join('+', FieldNames.Select(field => field.Name))}", spec => TextOf(spec.Fields),
            (spec, text) => ReadFields(text) is { } fields ? spec with { Fields = fields } : null),
        Part("share", spec => spec.Share, (spec, value) => spec with { Share = value }),
        Lengths("src", spec => spec.Source, (spec, value) => spec with { Source = value }),
        Lengths("dst", spec => spec.Destination, (spec, value) => spec with { Destination = value }),
        Count("values", 1, 1 << 20, spec => spec.Values, (spec, value) => spec with { Values = value }),
        Count("spread", 0, 32, spec => spec.Spread, (spec, value) => spec with { Spread = value }),
        Choice<bool>("together", spec => spec.Together, (spec, value) => spec with { Together = value }, [false, true]),
        Count("wrong", 0, 12, spec => spec.Wrong, (spec, value) => spec with { Wrong = value }),
        Choice("wrongin", spec => spec.WrongIn, (spec, value) => spec with { WrongIn = value }, Enum.GetValues<AttackedPart>()),
        Part("matching", spec => spec.Matching, (spec, value) => spec with { Matching = value }),
        Choice(
            "priorities", spec => spec.Priorities, (spec, value) => spec with { Priorities = value }, Enum.GetValues<AttackPriorities>()),
        Choice("order", spec => spec.Order, (spec, value) => spec with { Order = value }, Enum.GetValues<AttackOrder>()),
        Count("peak", 1, 16, spec => spec.Peak, (spec, value) => spec with { Peak = value }),
        Count("churn", 0, 8, spec => spec.Churn, (spec, value) => spec with { Churn = value }),
        Count("vary", 0, 32, spec => spec.Vary, (spec, value) => spec with { Vary = value }),
        Part("stray", spec => spec.Stray, (spec, value) => spec with { Stray = value }),
    ];

    private static AttackParameter Part(string name, Func<AttackSpec, double> get, Func<AttackSpec, double, AttackSpec> with) => new(
        name, "0 to 1", spec => get(spec).ToString("0.###", CultureInfo.InvariantCulture),
        (spec, text) => double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value <= 1
            ? with(spec, value)
            : null);

    private static AttackParameter Count(
        string name, int least, int most, Func<AttackSpec, int> get, Func<AttackSpec, int, AttackSpec> with) => new(
        name, $"{least} to {most}", spec => $"{get(spec)}",
        (spec, text) => TryRead(text, least, most, out int value) ? with(spec, value) : null);

    private static AttackParameter Choice<T>(string name, Func<AttackSpec, T> get, Func<AttackSpec, T, AttackSpec> with, T[] values)
        where T : struct
    {
        string TextOf(T value) => $"{value}".ToLowerInvariant();
        return new(
            name, string.Join(", ", values.Select(TextOf)), spec => TextOf(get(spec)),
            (spec, text) => Array.FindIndex(values, value => TextOf(value) == text) is >= 0 and var at ? with(spec, values[at]) : null);
    }

    private static AttackParameter Lengths(
        string name, Func<AttackSpec, PrefixLengths> get, Func<AttackSpec, PrefixLengths, AttackSpec> with) => new(
        name, "a prefix length, or from one to another: 8..32", spec => $"{get(spec)}",
        (spec, text) =>
        {
            string[] ends = text.Split("..", 2);
            return TryRead(ends[0], 0, 32, out int least) && TryRead(ends[^1], least, 32, out int most)
                ? with(spec, new(least, most))
                : null;
        });

    private static bool TryRead(string text, int least, int most, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= least && value <= most;

    private static string TextOf(FlowWildcards fields) => fields == FlowWildcards.None
        ? "none"
        : string.Join('+', FieldNames.Where(field => (fields & field.Field) != 0).Select(field => field.Name));

    private static FlowWildcards? ReadFields(string text)
    {
        FlowWildcards fields = FlowWildcards.None;
        foreach (string name in text == "none" ? [] : text.Split('+'))
        {
            FlowWildcards field = FieldNames.FirstOrDefault(field => field.Name == name).Field;
            if (field == FlowWildcards.None)
            {
                return null;
            }
            fields |= field;
        }
        return fields;
    }
}
