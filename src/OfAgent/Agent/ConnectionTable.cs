using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Agent;

/// <summary>How far the handshake of a listener's peer has come. A peer that has come less far gives way first.</summary>
internal enum PeerTrust
{
    /// <summary>The peer has sent no HELLO.</summary>
    Unknown,

    /// <summary>The peer speaks OpenFlow 1.0.</summary>
    Greeted,

    /// <summary>The peer sent SET_CONFIG, as controllers and monitors do. It keeps its place.</summary>
    Configured,
}

/// <summary>All open connections. Connections through listeners have a limited number of places, as each needs threads of its own.</summary>
/// <remarks>
/// Connections to configured controllers always have a place. If places, threads or descriptors have run out, a
/// new peer takes the place of another: of a connection that is ending, else of a peer without a HELLO, else of a peer that is no controller. Of several such
/// peers the table picks the origin with the most places, and there the peer with the oldest request. If all are controllers, the new peer is refused.
/// Threads: any; <see cref="TryMakeRoom"/> not under the control lock.
/// </remarks>
internal sealed class ConnectionTable(TimeProvider time)
{
    /// <summary>How long to wait until the peer that gives way is gone.</summary>
    private static readonly TimeSpan GivingWay = TimeSpan.FromSeconds(1);

    private const int MostKnown = 256;
    private const int ManyThreads = 64;
    private const int ThreadTries = 50;
    private const int ThreadRetryMilliseconds = 10;

    private readonly List<ControllerConnection> _open = []; // locked, and waited for
    private readonly List<string> _known = []; // locked; the latest is the last
    private bool _isClosed;
    private int _startedInRow;

    /// <summary>Whether the system may lack threads: it refused one lately, or has not started many in a row yet.</summary>
    public bool MayLackThreads => Volatile.Read(ref _startedInRow) < ManyThreads;

    /// <returns>False if no place is free, or the table is closed.</returns>
    public bool TryAdd(ControllerConnection connection)
    {
        lock (_open)
        {
            bool fits = !_isClosed && (!connection.IsPassive || _open.Count(other => other.IsPassive) < SwitchAgent.MaxPassiveConnections);
            if (fits)
            {
                _open.Add(connection);
            }
            return fits;
        }
    }

    /// <summary>Ends the connection of a listener's peer, to free its place, threads and descriptor for another. Blocks until it is gone.</summary>
    /// <returns>False if no peer may be ended, or it is not gone in time.</returns>
    public bool TryMakeRoom(ControllerConnection newcomer)
    {
        long began = time.GetTimestamp();
        lock (_open)
        {
            Dictionary<string, int> places = _open.Where(other => other.IsPassive).CountBy(other => other.Origin).ToDictionary();
            ControllerConnection? least = _open
                .Where(other => other.IsPassive && other != newcomer && !other.HasGivenWay && (other.IsEnding || other.Trust != PeerTrust.Configured))
                .MinBy(other => (!other.IsEnding, other.Trust, -places[other.Origin], other.LastRequest));
            least?.GiveWay();
            while (least is not null && _open.Contains(least))
            {
                TimeSpan left = GivingWay - time.GetElapsedTime(began);
                if (_isClosed || left <= TimeSpan.Zero)
                {
                    return false;
                }
                Monitor.Wait(_open, left);
            }
            return least is not null;
        }
    }

    /// <summary>Starts a thread for a connection. If the system has none left, another peer gives way for it.</summary>
    /// <returns>Null if no thread could be started.</returns>
    public Thread? TryStartThread(string name, ThreadStart body, ControllerConnection connection)
    {
        Thread? thread = ThreadStarter.TryStart(name, body);
        Volatile.Write(ref _startedInRow, thread is null ? 0 : Math.Min(_startedInRow + 1, ManyThreads));
        if (thread is null && TryMakeRoom(connection))
        {
            for (int tries = 0; thread is null && tries < ThreadTries; tries++)
            {
                Thread.Sleep(ThreadRetryMilliseconds); // its threads are about to end
                thread = ThreadStarter.TryStart(name, body);
            }
        }
        return thread;
    }

    /// <summary>A controller is there, or was.</summary>
    /// <param name="origin">As <see cref="ControllerConnection.Origin"/>.</param>
    public void Remember(string origin)
    {
        lock (_open)
        {
            _known.Remove(origin);
            _known.Add(origin);
            if (_known.Count > MostKnown)
            {
                _known.RemoveAt(0);
            }
        }
    }

    /// <summary>Whether a controller was there.</summary>
    public bool IsKnown(string origin)
    {
        lock (_open)
        {
            return _known.Contains(origin);
        }
    }

    public void Remove(ControllerConnection connection)
    {
        lock (_open)
        {
            _open.Remove(connection);
            Monitor.PulseAll(_open);
        }
    }

    /// <summary>Closes connections whose peers take too long. Called from time to time.</summary>
    public void CheckPatience()
    {
        lock (_open)
        {
            _open.ForEach(connection => connection.CheckPatience());
        }
    }

    /// <summary>Closes the connections of one target.</summary>
    public void Close(ConnectionTarget target, string reason)
    {
        lock (_open)
        {
            _open.FindAll(connection => connection.IsFor(target)).ForEach(connection => connection.Close(reason));
        }
    }

    /// <summary>Closes all connections and refuses new ones.</summary>
    public void CloseAll(string reason)
    {
        lock (_open)
        {
            _isClosed = true;
            _open.ForEach(connection => connection.Close(reason));
            Monitor.PulseAll(_open);
        }
    }
}
