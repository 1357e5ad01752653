using System.Net.Sockets;

namespace Softswitch.OfAgent.Connections;

/// <summary>Peers that a listener has accepted and that wait to be served; origins take turns.</summary>
/// <remarks>
/// Naively a peer is accepted when the one before it is served. Then a peer that connects faster than that fills the kernel's backlog, which treats
/// all peers alike: a controller waits behind a flood, or its SYN is lost and comes again seconds later. So all peers are accepted at once and
/// wait here. There is room for <see cref="Capacity"/> peers. For one more, a peer of the origin with the most peers is turned away: one that has
/// left, else one that has sent nothing, else the oldest. Threads: one at a time.
/// </remarks>
internal sealed class WaitingPeers : IDisposable
{
    /// <summary>How many can wait.</summary>
    public const int Capacity = 64;

    // A known origin with more peers than this is a flood like any other.
    private const int MostKnown = 4;
    private const int MostOrigins = 1024;
    private const int MostLookedAt = 4; // a peer that floods pays for its own crowd only

    private readonly List<Waiting> _peers = [];
    private readonly Dictionary<string, long> _turns = []; // when an origin was served last, by a count
    private long _turn;

    /// <summary>Adds a peer that waits.</summary>
    /// <returns>The peer that must leave for it, which the caller disposes of; null if there is room.</returns>
    public Socket? Add(Socket peer)
    {
        _peers.Add(new Waiting(peer, PeerOrigin.Of(peer)));
        if (_peers.Count <= Capacity)
        {
            return null;
        }
        string crowd = _peers.CountBy(waiting => waiting.Origin).MaxBy(origin => origin.Value).Key;
        Waiting? least = null;
        bool leastIsSilent = false;
        foreach (Waiting oldest in _peers.SkipLast(1).Where(waiting => waiting.Origin == crowd).Take(MostLookedAt))
        {
            (bool hasSent, bool hasLeft) = PeerOrigin.StateOf(oldest.Socket);
            if (hasLeft)
            {
                return Remove(oldest);
            }
            if (least is null || (!hasSent && !leastIsSilent))
            {
                (least, leastIsSilent) = (oldest, !hasSent);
            }
        }
        return Remove(least!);
    }

    /// <summary>Takes the peer whose turn it is. A peer that has left without sending anything gets no turn.</summary>
    /// <param name="isKnown">Whether an origin (<see cref="PeerOrigin"/>) is a controller's, or was a good peer before.</param>
    /// <returns>Null if no peer waits.</returns>
    public Socket? Take(Func<string, bool> isKnown)
    {
        while (_peers.Count > 0)
        {
            string origin = _peers.CountBy(waiting => waiting.Origin)
                .MinBy(crowd => (!(crowd.Value <= MostKnown && isKnown(crowd.Key)), _turns.GetValueOrDefault(crowd.Key))).Key;
            if (TakeOf(origin) is { } next)
            {
                NoteTurn(origin);
                return next;
            }
        }
        return null;
    }

    public void Dispose()
    {
        _peers.ForEach(waiting => waiting.Socket.Dispose());
        _peers.Clear();
    }

    /// <summary>The first peer of an origin that is open and has sent something; else the first open one; else the first that has sent something.</summary>
    private Socket? TakeOf(string origin)
    {
        Waiting? silent = null;
        Waiting? gone = null;
        foreach (Waiting waiting in _peers.Where(waiting => waiting.Origin == origin).ToArray())
        {
            switch (PeerOrigin.StateOf(waiting.Socket))
            {
                case (HasSent: true, HasLeft: false):
                    return Remove(waiting);
                case (HasSent: false, HasLeft: true):
                    Remove(waiting).Dispose();
                    break;
                case (HasSent: false, _):
                    silent ??= waiting;
                    break;
                default:
                    gone ??= waiting;
                    break;
            }
        }
        return (silent ?? gone) is { } next ? Remove(next) : null;
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
