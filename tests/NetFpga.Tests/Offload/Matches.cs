using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.NetFpga.Tests.Offload;

/// <summary>The few matches that the tests are about.</summary>
internal static class Matches
{
    /// <summary>TCP from 10.0.0.1 to 10.0.0.2, nothing open.</summary>
    public static FlowMatch Tcp(ushort inPort, ushort from = 1000, ushort to = 80) => new()
    {
        InPort = inPort,
        DlSrc = new MacAddress(0x0200_0000_0001),
        DlDst = new MacAddress(0x0200_0000_0002),
        DlVlan = FlowMatch.VlanNone,
        DlType = EtherType.Ipv4,
        NwProto = IpProtocol.Tcp,
        NwSrc = 0x0a000001,
        NwDst = 0x0a000002,
        TpSrc = from,
        TpDst = to,
    };

    public static FlowMatch AnyFrom(ushort inPort) => new() { InPort = inPort, Wildcards = FlowWildcards.All & ~FlowWildcards.InPort };

    /// <summary>IPv4 from any port.</summary>
    public static FlowMatch Ipv4 => new() { DlType = EtherType.Ipv4, Wildcards = FlowWildcards.All & ~FlowWildcards.DlType };

    /// <summary>The frame that an exact match is about.</summary>
    public static FlowKey Frame(in FlowMatch match)
    {
        MatchNormalizer.Normalize(match, out FlowKey key, out _);
        return key;
    }

    public static FlowKey TcpFrame(ushort inPort, ushort from = 1000, ushort to = 80) => Frame(Tcp(inPort, from, to));

    /// <summary>One from each port of the card, and another one from the first.</summary>
    public static FlowKey[] TcpFrames() => [.. Enumerable.Range(1, 4).Select(port => TcpFrame((ushort)port)), TcpFrame(1, from: 2000)];
}
