using System.Text;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Text;

/// <summary>Writes port descriptions in the words of ovs-ofctl 3.1.</summary>
internal static class PortText
{
    private static readonly string[] ConfigNames = ["PORT_DOWN", "NO_STP", "NO_RECV", "NO_RECV_STP", "NO_FLOOD", "NO_FWD", "NO_PACKET_IN"];

    private static readonly string[] FeatureNames =
    [
        "10MB-HD", "10MB-FD", "100MB-HD", "100MB-FD", "1GB-HD", "1GB-FD", "10GB-FD",
        "COPPER", "FIBER", "AUTO_NEG", "AUTO_PAUSE", "AUTO_PAUSE_ASYM",
    ];

    /// <summary>Several lines, each with its end.</summary>
    public static void Append(StringBuilder text, in PortDescription port)
    {
        text.Append($" {PortNames.Format(port.Number)}({Printable(port.Name)}): addr:{port.HardwareAddress}\n");
        text.Append("     config:     ");
        AppendBits(text, (uint)port.Config, ConfigNames);
        text.Append("\n     state:      ");
        AppendState(text, port.State);
        text.Append('\n');
        AppendFeatures(text, "     current:    ", port.Current);
        AppendFeatures(text, "     advertised: ", port.Advertised);
        AppendFeatures(text, "     supported:  ", port.Supported);
        AppendFeatures(text, "     peer:       ", port.Peer);
        text.Append($"     speed: {MegabitsPerSecond(port.Current)} Mbps now, {MegabitsPerSecond(port.Supported)} Mbps max\n");
    }

    internal static void AppendConfig(StringBuilder text, PortConfig config) => AppendBits(text, (uint)config, ConfigNames);

    internal static void AppendFeatureNames(StringBuilder text, PortFeatures features) => AppendBits(text, (uint)features, FeatureNames);

    /// <summary>The names of the bits set, with blanks between; bits without a name in hexadecimal; 0 for none.</summary>
    internal static void AppendBits(StringBuilder text, uint bits, ReadOnlySpan<string> names)
    {
        if (bits == 0)
        {
            text.Append('0');
            return;
        }
        int start = text.Length;
        for (int i = 0; i < names.Length; i++)
        {
            if ((bits & (1u << i)) != 0 && names[i].Length > 0)
            {
                text.Append(text.Length > start ? " " : "").Append(names[i]);
                bits &= ~(1u << i);
            }
        }
        if (bits != 0)
        {
            text.Append(text.Length > start ? " " : "").Append($"0x{bits:x}");
        }
    }

    /// <summary>A peer's text without what could steer a terminal.</summary>
    internal static string Printable(string text) => string.Create(text.Length, text, static (span, source) =>
    {
        for (int i = 0; i < span.Length; i++)
        {
            span[i] = char.IsControl(source[i]) ? '?' : source[i];
        }
    });

    private static void AppendState(StringBuilder text, PortState state)
    {
        // STP_LISTEN is zero: of a port that takes no part in spanning tree it says nothing.
        string stp = (state & PortState.StpMask) switch
        {
            PortState.StpLearn => "STP_LEARN",
            PortState.StpForward => "STP_FORWARD",
            PortState.StpBlock => "STP_BLOCK",
            _ => "",
        };
        bool isDown = state.HasFlag(PortState.LinkDown);
        text.Append(stp);
        text.Append(isDown ? (stp.Length > 0 ? " LINK_DOWN" : "LINK_DOWN") : (stp.Length > 0 ? "" : "0"));
    }

    private static void AppendFeatures(StringBuilder text, string label, PortFeatures features)
    {
        if (features == PortFeatures.None)
        {
            return;
        }
        text.Append(label);
        AppendBits(text, (uint)features, FeatureNames);
        text.Append('\n');
    }

    private static int MegabitsPerSecond(PortFeatures features) =>
        (features & PortFeatures.Speed10GbFull) != 0 ? 10_000
        : (features & (PortFeatures.Speed1GbHalf | PortFeatures.Speed1GbFull)) != 0 ? 1_000
        : (features & (PortFeatures.Speed100MbHalf | PortFeatures.Speed100MbFull)) != 0 ? 100
        : (features & (PortFeatures.Speed10MbHalf | PortFeatures.Speed10MbFull)) != 0 ? 10
        : 0;
}
