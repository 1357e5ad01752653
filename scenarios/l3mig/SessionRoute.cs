namespace Softswitch.Scenarios.L3Mig;

/// <summary>A session and the entries that carry it. Threads: its owner's lock.</summary>
/// <param name="vlan">The network it belongs to.</param>
internal sealed class SessionRoute(Session session, ushort vlan)
{
    /// <summary>Packets kept until the entries are there; more of one session are lost.</summary>
    private const int MostWaiting = 64;

    private readonly List<(L3Site Site, ushort Port, byte[] Packet)> _waiting = [];

    public Session Session => session;

    public ushort Vlan => vlan;

    /// <summary>The gateways' port that stands for it; null while it stays within a site.</summary>
    public ushort? Assigned { get; set; }

    public IReadOnlyList<PathFlow> Path { get; set; } = [];

    /// <summary>To the path after the migration under way; null without one.</summary>
    public PathChange? Change { get; set; }

    public bool IsReady { get; private set; }

    public void Wait(L3Site site, ushort port, ReadOnlySpan<byte> packet)
    {
        if (_waiting.Count < MostWaiting)
        {
            _waiting.Add((site, port, packet.ToArray()));
        }
    }

    /// <summary>The entries are there.</summary>
    /// <returns>The packets that waited, in their order.</returns>
    public IReadOnlyList<(L3Site Site, ushort Port, byte[] Packet)> Open()
    {
        IsReady = true;
        (L3Site, ushort, byte[])[] waiting = [.. _waiting];
        _waiting.Clear();
        return waiting;
    }
}
