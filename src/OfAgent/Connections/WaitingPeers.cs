using System.Net.Sockets;

namespace Softswitch.OfAgent.Connections;

/// <summary>Peers that a listener has accepted and that wait to be served; origins take turns.</summary>
/// <remarks>
/// Naively a peer is accepted when the one before it is served. Then whoever connects faster than that fills the kernel's backlog, which makes
/// no difference between peers: a controller waits behind a flood, or its SYN is lost and comes again seconds later. So all who have
/// connected are accepted at once and wait here. There is room for a few. Beyond, one of the origin with the most is
/// turned away: best one that has left, else one that has said nothing, else the oldest. Threads: the
/// listener's.
/// </remarks>
/// <param name="isKnown">Whether an origin (<see cref="PeerOrigin"/>) is a controller's, or was a good peer before.</param>
internal sealed class WaitingPeers(Func<string, bool> isKnown) : IDisposable
{
    /// <summary>How many can wait.</summary>
    public const int Capacity = 64;

    // A known origin with more peers than this is a flood like any other.
    private const int MostKnown = 4;
    private const int MostOrigins = 1024;
    private const int MostLookedAt = 8;

    private readonly List<Waiting> _peers = [];
    private readonly Dictionary<string, long> _turns = []; // when an origin was served last, by a count
    private long _turn;

    public bool IsEmpty => _peers.Count == 0;

    /// <summary>One more waits.</summary>
    /// <returns>Who is turned away for it, and is the caller's now; null for nobody.</returns>
    public Socket? Add(Socket peer)
    {
        _peers.Add(new Waiting(peer, PeerOrigin.Of(peer)));
        if (_peers.Count <= Capacity)
        {
            return null;
        }
        string crowd = _peers.CountBy(waiting => waiting.Origin).MaxBy(origin => origin.Value).Key;
        List<Waiting> oldest = [.. _peers.SkipLast(1).Where(waiting => waiting.Origin == crowd).Take(MostLookedAt)];
        return Remove(oldest.Find(waiting => PeerOrigin.HasLeft(waiting.Socket)) ?? oldest.Find(waiting => !PeerOrigin.HasSent(waiting.Socket)) ?? oldest[0]);
    }

    /// <summary>Whose turn it is: the caller's now. One that has left without a word has no turn.</summary>
    /// <returns>Null if nobody waits.</returns>
    public Socket? Take()
    {
        while (!IsEmpty)
        {
            Dictionary<string, int> crowds = _peers.CountBy(waiting => waiting.Origin).ToDictionary();
            Waiting next = _peers.MinBy(waiting => (
                PeerOrigin.HasLeft(waiting.Socket), !(crowds[waiting.Origin] <= MostKnown && isKnown(waiting.Origin)), _turns.GetValueOrDefault(waiting.Origin),
                !PeerOrigin.HasSent(waiting.Socket)))!;
            Remove(next);
            if (PeerOrigin.HasSent(next.Socket) || !PeerOrigin.HasLeft(next.Socket))
            {
                NoteTurn(next.Origin);
                return next.Socket;
            }
            next.Socket.Dispose();
        }
        return null;
    }

    public void Dispose()
    {
        _peers.ForEach(waiting => waiting.Socket.Dispose());
        _peers.Clear();
    }

    private Socket Remove(Waiting waiting)
    {
        _peers.Remove(waiting);
        return waiting.Socket;
    }

    private void NoteTurn(string origin)
    {
        if (_turns.Count >= MostOrigins)
        {
            _turns.Clear();
        }
        _turns[origin] = ++_turn;
    }

    private sealed record Waiting(Socket Socket, string Origin);
}
