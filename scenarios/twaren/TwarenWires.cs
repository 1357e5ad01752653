using System.Buffers.Binary;
using Softswitch.Datapath.Headers;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Twaren;

/// <summary>Where packets between VM-S and VM-T can be seen: on the tunnel's way, at CR2, and at both ends.</summary>
internal sealed class TwarenWires
{
    private const int OuterLength = 14 + 20; // Ethernet, IPv4
    private const int AddressesEnd = 14 + 20;
    private const ushort VxlanPort = 4789;

    private readonly WireTap[] _taps;

    public TwarenWires(ScenarioRun run, TwarenLab lab)
    {
        WireTap tunnel = run.Tap(lab.Backbone, lab.TunnelInterface);
        WireTap gateway = run.Tap(lab.SecondRouter, lab.SecondRouter.Interfaces[0]);
        WireTap target = run.Tap(lab.TargetHost, lab.TargetHost.CurrentInterface);
        WireTap moved = run.Tap(lab.MovedHost, lab.MovedHost.Current);
        _taps = [tunnel, gateway, target, moved];
        OnTunnel = tunnel.Count("VM-S and VM-T, in the tunnel", IsPairInTunnel);
        AtGateway = gateway.Count("VM-S and VM-T, at CR2", IsPair);
        AtTarget = target.Count("to VM-T", (in frame) => !frame.IsOutgoing && IsPair(frame));
        AtTargetWrong = target.Count("to VM-T with another's address", (in frame) => !frame.IsOutgoing && IsPair(frame) && frame.Destination != TwarenLab.Target.HardwareAddress);
        AtMoved = moved.Count("to VM-S", (in frame) => !frame.IsOutgoing && IsPair(frame));
        AtMovedWrong = moved.Count("to VM-S with another's address", (in frame) => !frame.IsOutgoing && IsPair(frame) && frame.Destination != TwarenLab.Moved.HardwareAddress);
        Delivered = target.Count("UDP to VM-T", (in frame) => !frame.IsOutgoing && frame.Protocol == IpProtocol.Udp && frame.Destination == TwarenLab.Target.HardwareAddress);
    }

    /// <summary>Packets of the pair in the tunnel, either way.</summary>
    public FrameCount OnTunnel { get; }

    /// <summary>Packets of the pair that reach or leave CR2 on the side of the campus.</summary>
    public FrameCount AtGateway { get; }

    public FrameCount AtTarget { get; }

    public FrameCount AtTargetWrong { get; }

    public FrameCount AtMoved { get; }

    public FrameCount AtMovedWrong { get; }

    /// <summary>UDP from anybody, with VM-T's Ethernet address.</summary>
    public FrameCount Delivered { get; }

    /// <summary>Returns when all that passed has been counted.</summary>
    public void Drain() => Array.ForEach(_taps, tap => tap.Drain());

    private static bool IsPair(in FrameView frame) => IsPair(frame.NetworkSource, frame.NetworkDestination);

    private static bool IsPair(Be32 source, Be32 destination) =>
        (source == TwarenLab.Moved.Address && destination == TwarenLab.Target.Address) || (source == TwarenLab.Target.Address && destination == TwarenLab.Moved.Address);

    private static bool IsPairInTunnel(in FrameView frame)
    {
        ReadOnlySpan<byte> bytes = frame.Frame.Bytes;
        int? header = LengthBehindIpv4(frame);
        if (header == null || bytes.Length < OuterLength + header + AddressesEnd)
        {
            return false;
        }
        ReadOnlySpan<byte> inner = bytes[(OuterLength + header.Value)..];
        return BinaryPrimitives.ReadUInt16BigEndian(inner[12..]) == EtherType.Ipv4
            && IsPair(Be32.FromHost(BinaryPrimitives.ReadUInt32BigEndian(inner[26..])), Be32.FromHost(BinaryPrimitives.ReadUInt32BigEndian(inner[30..])));
    }

    /// <summary>What a tunnel with a key has between the outer IPv4 header and the inner frame; null for what comes by no tunnel.</summary>
    private static int? LengthBehindIpv4(in FrameView frame) => frame.Protocol switch
    {
        IpProtocol.Capsulator => 4, // the tag
        IpProtocol.Gre => 8, // flags, type and key
        IpProtocol.Udp when frame.DestinationPort == VxlanPort => 16, // UDP and VXLAN
        _ => null,
    };
}
