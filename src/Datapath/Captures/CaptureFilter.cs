using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Captures;

/// <summary>Which packets a capture takes, and how much of each. Never changed.</summary>
internal sealed class CaptureFilter
{
    private readonly ushort[]? _ports;

    /// <param name="points">Where.</param>
    /// <param name="ports">By which ports; null for all, those to come included.</param>
    /// <param name="match">Asked of the packet as it is at that point, so without an ingress port.</param>
    /// <param name="snapLength">Bytes of each packet that are kept.</param>
    /// <exception cref="ArgumentException">The match asks for an ingress port.</exception>
    public CaptureFilter(CapturePoints points, ushort[]? ports, in FlowMatch match, int snapLength = Packet.MaxLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(snapLength, 1);
        MatchNormalizer.Normalize(match, out FlowKey key, out FlowKey mask);
        if (mask.InPort != 0)
        {
            throw new ArgumentException("a packet that leaves has no ingress port to be compared", nameof(match));
        }
        Key = key;
        Mask = mask;
        Quick = new PlainIpv4Filter(key, mask);
        Points = points;
        _ports = ports;
        SnapLength = Math.Min(snapLength, Packet.MaxLength);
    }

    public CapturePoints Points { get; }

    public int SnapLength { get; }

    /// <summary>Bits of packets' keys that are compared, and their values.</summary>
    public FlowKey Mask { get; }

    public FlowKey Key { get; }

    /// <summary>Rules packets out before they are parsed.</summary>
    public PlainIpv4Filter Quick { get; }

    /// <summary>Whether it takes packets of that port there.</summary>
    public bool Includes(CapturePoints point, ushort port) => (Points & point) != 0 && (_ports == null || Array.IndexOf(_ports, port) >= 0);
}
