using Softswitch.Datapath.Flows;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Bench.Attacks;

/// <summary>Where an entry differs from the packets it is made to resemble.</summary>
internal enum AttackedPart
{
    Any,
    Exact,
    Prefix,
}

/// <summary>How priorities go with the order in which entries are added.</summary>
internal enum AttackPriorities
{
    /// <summary>One for all: the oldest entry wins.</summary>
    Same,
    Rising,
    Falling,
    Random,
}

/// <summary>In which order entries are added.</summary>
internal enum AttackOrder
{
    Made,
    Narrow,
    Wide,
}

/// <summary>Prefix lengths, each as likely as the others.</summary>
internal readonly record struct PrefixLengths(int Least, int Most)
{
    public override string ToString() => Least == Most ? $"{Least}" : $"{Least}..{Most}";
}

/// <summary>What a table is attacked with: how entries and packets are drawn. Its text is one that <see cref="Parse"/> reads.</summary>
/// <remarks>
/// There are <see cref="Values"/> attacked values of each field. A packet has one of them in each field, and random values where no
/// entry looks. An entry compares some fields with such values, and is wrong in a few of them, so that it nearly matches.
/// </remarks>
internal sealed record AttackSpec
{
    private const FlowWildcards ExactFields =
        FlowWildcards.All & ~(FlowWildcards.NwSrcMask | FlowWildcards.NwDstMask | FlowWildcards.DlType);

    public required string Kind { get; init; }

    /// <summary>Fields that entries may compare, besides addresses.</summary>
    public FlowWildcards Fields { get; init; }

    /// <summary>How likely an entry compares each of these.</summary>
    public double Share { get; init; } = 0.5;

    /// <summary>Of nw_src.</summary>
    public PrefixLengths Source { get; init; } = new(0, 32);

    /// <summary>Of nw_dst.</summary>
    public PrefixLengths Destination { get; init; } = new(0, 32);

    /// <summary>Attacked values of each field.</summary>
    public int Values { get; init; } = 1;

    /// <summary>Low bits in which attacked addresses differ from each other.</summary>
    public int Spread { get; init; } = 32;

    /// <summary>Whether the values of a packet, or an entry, belong together: the first with the first and so on.</summary>
    public bool Together { get; init; }

    /// <summary>Fields in which an entry is wrong: the last bit of a prefix, another value.</summary>
    public int Wrong { get; init; } = 1;

    public AttackedPart WrongIn { get; init; }

    /// <summary>How many of the entries are not wrong in anything.</summary>
    public double Matching { get; init; }

    public AttackPriorities Priorities { get; init; }

    public AttackOrder Order { get; init; }

    /// <summary>At first there are so many times as many entries; all but the wanted number, at random, are deleted.</summary>
    public int Peak { get; init; } = 1;

    /// <summary>How often half of the entries are deleted and as many others added.</summary>
    public int Churn { get; init; }

    /// <summary>Low bits of a packet's addresses that are random.</summary>
    public int Vary { get; init; } = 8;

    /// <summary>How likely a packet has a random value in a field, rather than an attacked one.</summary>
    public double Stray { get; init; }

    /// <summary>The kinds, each with its defaults.</summary>
    public static IReadOnlyList<AttackSpec> Kinds { get; } =
    [
        // Tuple space explosion (Csikor and others, 2019): prefixes of all lengths, with and without ports, wrong in their last bits.
        new()
        {
            Kind = "tuples",
            Fields = ExactFields & ~FlowWildcards.DlSrc,
            Source = new(1, 32),
            Destination = new(1, 32),
            Wrong = 2,
            WrongIn = AttackedPart.Prefix,
        },
        // Any subset of the fields: what one field rules out differs from entry to entry.
        new() { Kind = "subsets", Fields = ExactFields & ~FlowWildcards.DlSrc },
        // All match, at one priority: the oldest has to be told from all others.
        new()
        {
            Kind = "matching",
            Fields = ExactFields & ~FlowWildcards.DlSrc,
            Source = new(0, 24),
            Destination = new(0, 24),
            Matching = 1,
        },
        // Nested prefixes of many addresses.
        new() { Kind = "ladder", Fields = FlowWildcards.TpDst, Values = 256, Matching = 0.5, Priorities = AttackPriorities.Random },
        // More values than processor caches hold, and packets that combine them ever anew.
        new()
        {
            Kind = "values",
            Fields = ExactFields,
            Share = 0.8,
            Values = 4096,
            Source = new(8, 32),
            Destination = new(8, 32),
            Vary = 0,
        },
        // Subsets added and deleted until free places lie everywhere.
        new() { Kind = "churned", Fields = ExactFields & ~FlowWildcards.DlSrc, Churn = 6, Priorities = AttackPriorities.Random },
        // Random masks over a few values, as tests have them.
        new()
        {
            Kind = "random",
            Fields = ExactFields | FlowWildcards.DlType,
            Values = 16,
            Matching = 0.5,
            Priorities = AttackPriorities.Random,
        },
    ];

    /// <summary>Reads <c>KIND</c> or <c>KIND:NAME=VALUE,...</c>.</summary>
    /// <exception cref="OptionException">It is not of that form, or a value is out of its range.</exception>
    public static AttackSpec Parse(string text)
    {
        string[] parts = text.Split(':', 2);
        AttackSpec spec = Kinds.FirstOrDefault(kind => kind.Kind == parts[0])
            ?? throw new OptionException(
                $"--attack: '{parts[0]}' is none of {string.Join(", ", Kinds.Select(kind => kind.Kind))}, {AttackRows.Worst}");
        foreach (string setting in parts.Length > 1 ? parts[1].Split(',') : [])
        {
            string[] pair = setting.Split('=', 2);
            AttackParameter parameter = AttackParameter.All.FirstOrDefault(parameter => parameter.Name == pair[0])
                ?? throw new OptionException(
                    $"--attack: '{pair[0]}' is none of {string.Join(", ", AttackParameter.All.Select(parameter => parameter.Name))}");
            spec = pair.Length == 2 && parameter.Read(spec, pair[1]) is { } changed
                ? changed
                : throw new OptionException($"--attack: {setting}: {parameter.Name} takes {parameter.Range}");
        }
        return spec;
    }

    /// <summary>The kind, and what is not as its default.</summary>
    public override string ToString()
    {
        AttackSpec kind = Kinds.First(kind => kind.Kind == Kind);
        IEnumerable<string> settings = AttackParameter.All
            .Where(parameter => parameter.Text(this) != parameter.Text(kind))
            .Select(parameter => $"{parameter.Name}={parameter.Text(this)}");
        return string.Join(':', new[] { Kind, string.Join(',', settings) }.Where(part => part.Length > 0));
    }
}
