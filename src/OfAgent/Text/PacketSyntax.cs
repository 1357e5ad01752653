using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Text;

/// <summary>Reads a packet in a match's words: <c>in_port=1,tcp,nw_dst=10.0.0.2,tp_dst=80</c>.</summary>
internal static class PacketSyntax
{
    /// <param name="match">The fields given; <see cref="PacketComposer"/> makes the packet.</param>
    /// <param name="timeToLive">What nw_ttl says, which is no field of a match.</param>
    /// <param name="error">One line that names the word and the reason.</param>
    public static bool TryParse(ReadOnlySpan<char> text, PortNames ports, out FlowMatch match, out byte timeToLive, out string error)
    {
        match = MatchSyntax.Any;
        timeToLive = PacketComposer.UsualTimeToLive;
        bool hasTimeToLive = false;
        KeyValueReader reader = new(text);
        while (reader.TryRead(out ReadOnlySpan<char> key, out ReadOnlySpan<char> value))
        {
            string? problem;
            if (MatchSyntax.TrySetProtocol(key, ref match))
            {
                problem = value.IsEmpty ? null : $"{key}: takes no value, but '{value}' is given";
            }
            else if (key is "nw_ttl")
            {
                hasTimeToLive = true;
                problem = TextNumber.TryParse(value, byte.MaxValue, out ulong number, out string reason) ? null : $"nw_ttl: '{value}' {reason}";
                timeToLive = (byte)number;
            }
            else if (!MatchSyntax.TrySetField(key, value, ports, ref match, out problem))
            {
                problem = $"{key}: is no field of a packet";
            }
            if (problem is not null)
            {
                error = problem;
                return false;
            }
        }
        List<string> ignored = [];
        MatchSyntax.Normalise(ref match, ignored);
        if (hasTimeToLive && (match.Wildcards.HasFlag(FlowWildcards.DlType) || match.DlType != EtherType.Ipv4))
        {
            ignored.Add("nw_ttl is ignored: it can be had with ip only");
        }
        error = ignored.Count > 0 ? ignored[0] : "";
        return ignored.Count == 0;
    }

    /// <summary>Where it comes in; null if it does not say.</summary>
    public static ushort? InPortOf(in FlowMatch match) =>
        match.Wildcards.HasFlag(FlowWildcards.InPort) || match.InPort == PortNumber.None ? null : match.InPort;
}
