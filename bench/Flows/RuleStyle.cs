namespace Softswitch.Bench.Flows;

/// <summary>The kinds of match on a transport port.</summary>
internal enum RulePortMatch
{
    Any,
    Exact,

    /// <summary>A few consecutive ports: one entry for each, since OpenFlow 1.0 has no ranges.</summary>
    FewPorts,

    /// <summary>All ports from 1024: left open, since 64,512 entries in the place of one rule is what no controller does.</summary>
    HighPorts,
}

/// <summary>How often each choice occurs in rules of a kind. Weights, which need not add up to anything.</summary>
/// <remarks>
/// After ClassBench (Taylor and Turner, 2007): there the distributions are measured from rule sets of providers; these are simpler
/// ones of our own with the same traits. Access lists name the servers and their ports and care less for who asks. Firewalls
/// have many rules open in one address. IP chains name both ends and leave most ports open.
/// </remarks>
internal sealed record RuleStyle(
    (int PrefixLength, int Weight)[] Sources,
    (int PrefixLength, int Weight)[] Destinations,
    (byte? Protocol, int Weight)[] Protocols,
    (RulePortMatch Kind, int Weight)[] SourcePorts,
    (RulePortMatch Kind, int Weight)[] DestinationPorts)
{
    public static RuleStyle AccessList { get; } = new(
        [(0, 10), (8, 2), (16, 10), (21, 4), (24, 24), (27, 6), (28, 6), (30, 4), (32, 34)],
        [(0, 4), (16, 8), (22, 4), (23, 4), (24, 22), (27, 6), (28, 6), (29, 4), (32, 42)],
        [(6, 75), (17, 12), (1, 5), (null, 8)],
        [(RulePortMatch.Any, 96), (RulePortMatch.Exact, 4)],
        [(RulePortMatch.Exact, 62), (RulePortMatch.Any, 20), (RulePortMatch.FewPorts, 8), (RulePortMatch.HighPorts, 10)]);

    public static RuleStyle Firewall { get; } = new(
        [(0, 40), (16, 6), (24, 10), (28, 6), (32, 38)],
        [(0, 22), (16, 6), (24, 12), (28, 8), (32, 52)],
        [(6, 60), (17, 24), (1, 6), (null, 10)],
        [(RulePortMatch.Any, 72), (RulePortMatch.HighPorts, 16), (RulePortMatch.Exact, 12)],
        [(RulePortMatch.Exact, 44), (RulePortMatch.Any, 34), (RulePortMatch.FewPorts, 10), (RulePortMatch.HighPorts, 12)]);

    public static RuleStyle IpChain { get; } = new(
        [(0, 14), (8, 2), (16, 10), (20, 3), (24, 22), (28, 5), (32, 44)],
        [(0, 12), (16, 10), (20, 3), (24, 22), (26, 4), (30, 3), (32, 46)],
        [(6, 48), (17, 20), (1, 8), (null, 24)],
        [(RulePortMatch.Any, 75), (RulePortMatch.Exact, 20), (RulePortMatch.HighPorts, 5)],
        [(RulePortMatch.Any, 50), (RulePortMatch.Exact, 36), (RulePortMatch.FewPorts, 6), (RulePortMatch.HighPorts, 8)]);
}
