namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>What a switch may change of interfaces, as text to be compared: what it found, and what it left.</summary>
internal static class InterfacePicture
{
    // Flags, promiscuity, XDP programs, MTU; addresses; queueing disciplines; offloads and channels. The queue's length is shown only with a discipline.
    private const string Commands =
        "ip -d -o link show | sed 's/ qlen [0-9]*//'; ip -o addr show | sed 's/ [a-z]*_lft [a-z0-9]*//g'; tc qdisc show; "
        + "for i in $(ip -o link show | sed 's/^[0-9]*: //; s/[@:].*//'); do ethtool -k $i; ethtool -l $i; done 2>/dev/null; true";

    /// <summary>All interfaces of a namespace.</summary>
    public static string Of(LabNode node) => node.Execute("sh", "-c", Commands).Checked().Output;
}
