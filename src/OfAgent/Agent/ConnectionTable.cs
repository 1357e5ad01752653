using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Agent;

/// <summary>What a listener's peer has shown of itself: who has shown less gives way first.</summary>
internal enum PeerTrust
{
    /// <summary>Not even a HELLO.</summary>
    Unknown,

    /// <summary>It speaks OpenFlow 1.0.</summary>
    Greeted,

    /// <summary>It sent SET_CONFIG, as controllers and monitors do. Its place is kept.</summary>
    Configured,
}

/// <summary>All open connections, and places for those that came through listeners: each has threads of its own, so there is an end to them.</summary>
/// <remarks>
/// Connections to configured controllers always have a place. When there is none left for another, be it for want of places, threads or descriptors, whoever
/// comes gets that of the peer that has shown least: one that is ending anyway, else one that said no HELLO, else one that is no controller. Of several such
/// it is one of the origin with the most places, the one that has not asked for anything for the longest. Where all are controllers, the new one is refused.
/// Threads: any; <see cref="TryMakeRoom"/> not under the control lock.
/// </remarks>
internal sealed class ConnectionTable(TimeProvider time)
{
    /// <summary>How long to wait for the one that gives way to be gone.</summary>
    private static readonly TimeSpan GivingWay = TimeSpan.FromSeconds(1);

    private const int MostKnown = 256;
    private const int ManyThreads = 64;
    private const int ThreadTries = 50;
    private const int ThreadRetryMilliseconds = 10;

    private readonly List<ControllerConnection> _open = []; // locked, and waited for
    private readonly List<string> _known = []; // locked; the latest is the last
    private bool _isClosed;
    private int _startedInRow;

    /// <summary>Whether the system had no thread for a connection lately, or has not had many yet.</summary>
    public bool MayLackThreads => Volatile.Read(ref _startedInRow) < ManyThreads;

    /// <returns>False if there is no place for it, or none any more.</returns>
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

    /// <summary>Has a listener's peer give way to another, with its place, its threads and its descriptor. Blocks until it is gone.</summary>
    /// <returns>False if there is nobody to give way, or not soon enough.</returns>
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

    /// <summary>Starts a thread for a connection, if need be one that another's peer gives up.</summary>
    /// <returns>Null if there is none to be had.</returns>
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

    /// <summary>Gives up those whose peers take too long. From time to time.</summary>
    public void CheckPatience()
    {
        lock (_open)
        {
            _open.ForEach(connection => connection.CheckPatience());
        }
    }

    /// <summary>Closes those of one target.</summary>
    public void Close(ConnectionTarget target, string reason)
    {
        lock (_open)
        {
            _open.FindAll(connection => connection.IsFor(target)).ForEach(connection => connection.Close(reason));
        }
    }

    /// <summary>Closes all; none is added from now on.</summary>
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
