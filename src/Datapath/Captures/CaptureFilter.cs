using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Captures;

/// <summary>Which packets a capture takes, and how much of each. Never changed.</summary>
internal sealed class CaptureFilter
{
    private readonly ushort[]? _ports;
    private readonly FlowKey _key;
    private readonly FlowKey _mask;

    /// <param name="points">Where.</param>
    /// <param name="ports">By which ports; null for all, those to come included.</param>
    /// <param name="match">Asked of the packet as it is at that point, so without an ingress port.</param>
    /// <param name="snapLength">Bytes of each packet that are kept.</param>
    /// <exception cref="ArgumentException">The match asks for an ingress port.</exception>
    public CaptureFilter(CapturePoints points, ushort[]? ports, in FlowMatch match, int snapLength = Packet.MaxLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(snapLength, 1);
        MatchNormalizer.Normalize(match, out _key, out _mask);
        if (_mask.InPort != 0)
        {
            throw new ArgumentException("a packet that leaves has no ingress port to be compared", nameof(match));
        }
        Points = points;
        _ports = ports;
        SnapLength = Math.Min(snapLength, Packet.MaxLength);
        MatchesAll = _mask == default;
    }

    public CapturePoints Points { get; }

    public int SnapLength { get; }

    /// <summary>Whether no packet's headers need be looked at.</summary>
    public bool MatchesAll { get; }

    /// <summary>Whether it takes packets of that port there.</summary>
    public bool Includes(CapturePoints point, ushort port) => (Points & point) != 0 && (_ports == null || Array.IndexOf(_ports, port) >= 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Matches(in FlowKey key) => FlowKey.Matches(key, _key, _mask);
}
