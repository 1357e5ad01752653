using Softswitch.Datapath.Control;

namespace Softswitch.Hosting.State;

/// <summary>Changes on their way to the disk, in memory that is bounded: who makes them never waits.</summary>
/// <remarks>
/// What comes when it is full is lost, and so is all that comes then, until it is opened again: what was taken in is always what happened first. Threads: any;
/// <see cref="Take"/> is for one.
/// </remarks>
/// <param name="clock">Stamps what comes.</param>
/// <param name="ports">Numbers of ports: from now on used by nobody else.</param>
/// <param name="limit">Bytes that may wait.</param>
internal sealed class JournalQueue(StateClock clock, PortMemory ports, int limit) : ITableObserver, IDisposable
{
    private readonly Lock _gate = new();
    private readonly AutoResetEvent _wake = new(initialState: false);
    private JournalBuffer _filling = new(limit);
    private JournalBuffer _spare = new(limit);
    private bool _isOpen;
    private bool _hasOverflowed;
    private int _underWay;

    /// <summary>Bytes that are not in the file yet: those that wait, and those that were taken last until <see cref="NoteWritten"/>.</summary>
    public int Length
    {
        get
        {
            lock (_gate)
            {
                return _filling.Length + _underWay;
            }
        }
    }

    /// <summary>Whether it takes in what comes.</summary>
    public bool IsOpen
    {
        get
        {
            lock (_gate)
            {
                return _isOpen;
            }
        }
    }

    public void Put(in FlowStatistics entry)
    {
        lock (_gate)
        {
            if (_isOpen)
            {
                NoteRoom(_filling.Length == 0, _filling.Put(clock.Monotonic, entry));
            }
        }
    }

    public void Remove(byte tableId, ulong sequence)
    {
        lock (_gate)
        {
            if (_isOpen)
            {
                NoteRoom(_filling.Length == 0, _filling.Remove(tableId, sequence));
            }
        }
    }

    public void NoteClock(in ClockReading reading)
    {
        lock (_gate)
        {
            if (_isOpen)
            {
                NoteRoom(_filling.Length == 0, _filling.Clock(reading));
            }
        }
    }

    public void NoteDatapathId(ulong id)
    {
        lock (_gate)
        {
            if (_isOpen)
            {
                NoteRoom(_filling.Length == 0, _filling.DatapathId(id));
            }
        }
    }

    public void NotePort(string name, ushort number)
    {
        lock (_gate)
        {
            if (ports.Note(name, number) && _isOpen)
            {
                NoteRoom(_filling.Length == 0, _filling.Port(number, name));
            }
        }
    }

    /// <summary>The number a port of this name had; 0 if none is known.</summary>
    public ushort FindPort(string name)
    {
        lock (_gate)
        {
            return ports.TryFind(name, out ushort number) ? number : (ushort)0;
        }
    }

    /// <summary>Whether flows may mean another port than this by the number.</summary>
    public bool IsAnothers(ushort number, string name)
    {
        lock (_gate)
        {
            return ports.IsAnothers(number, name);
        }
    }

    /// <summary>Takes in what comes from now on.</summary>
    /// <param name="known">Takes the ports that are known, of which it does not hear.</param>
    public void Open(JournalBuffer known)
    {
        lock (_gate)
        {
            foreach ((ushort number, string name) in ports.All)
            {
                known.Port(number, name);
            }
            if (!_isOpen)
            {
                _filling.Clear();
                _hasOverflowed = false;
                _isOpen = true;
            }
        }
    }

    /// <summary>Takes in no more, and forgets what waits.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _isOpen = false;
            _underWay = 0;
            _filling.Clear();
        }
    }

    /// <summary>What came since the last call; valid until the next.</summary>
    /// <param name="hasOverflowed">Whether it was full meanwhile: then this is all it will have.</param>
    public JournalBuffer Take(out bool hasOverflowed)
    {
        lock (_gate)
        {
            (_filling, _spare) = (_spare, _filling);
            _filling.Clear();
            (hasOverflowed, _hasOverflowed) = (_hasOverflowed, false);
            _underWay = _spare.Length;
            return _spare;
        }
    }

    /// <summary>What was taken last is the system's to keep.</summary>
    public void NoteWritten()
    {
        lock (_gate)
        {
            _underWay = 0;
        }
    }

    /// <summary>Waits until something is there, or somebody wakes it.</summary>
    /// <returns>Whether that happened within the time.</returns>
    public bool Wait(TimeSpan time) => _wake.WaitOne(time);

    public void Wake() => _wake.Set();

    public void Dispose() => _wake.Dispose();

    private void NoteRoom(bool wasEmpty, bool wasRoom)
    {
        if (!wasRoom)
        {
            _isOpen = false;
            _hasOverflowed = true;
        }
        if (wasEmpty || !wasRoom)
        {
            _wake.Set();
        }
    }
}
