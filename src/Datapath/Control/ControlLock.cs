using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Control;

/// <summary>Lets one thread at a time use the control side. A long command lets other threads in from time to time.</summary>
/// <remarks>
/// <para>
/// Two locks, both fair. The control lock is held for every call. A command that uses flow entries first takes the table's turn, and
/// keeps it to its end. A long command releases the control lock now and then (<see cref="Breathe"/>) but keeps the turn. A thread that enters meanwhile
/// finds no half-done change. So an echo of another connection waits for one slice of the long command, a flow-mod for the whole command.
/// </para>
/// <para>The holder may enter again. Threads: any.</para>
/// </remarks>
/// <param name="time">Measures how long threads have waited.</param>
internal sealed class ControlLock(TimeProvider time)
{
    private readonly FairLock _turn = new(time);
    private readonly FairLock _lock = new(time);
    private int _holder; // managed thread id
    private int _depth;
    private bool _hasTurn;
    private ICommandHost? _host;

    /// <summary>Holder only: whether other threads have waited so long that the holder should leave.</summary>
    public bool IsOverdue => _lock.IsOverdue || (_hasTurn && _turn.IsOverdue);

    /// <param name="withTable">Whether flow entries are used.</param>
    /// <param name="host">Told when a long command leaves the control lock in between; may be null.</param>
    public void Enter(bool withTable, ICommandHost? host)
    {
        int thread = Environment.CurrentManagedThreadId;
        if (Volatile.Read(ref _holder) == thread)
        {
            if (withTable && !_hasTurn)
            {
                throw new InvalidOperationException("the control lock was taken without the table");
            }
            _depth++;
            return;
        }
        if (withTable)
        {
            _turn.Enter();
        }
        _lock.Enter();
        Take(thread, withTable, host, depth: 0);
    }

    /// <summary>As <see cref="Enter"/> without the table, giving up after a time. Not for the thread that holds it.</summary>
    public bool TryEnter(int milliseconds)
    {
        bool isEntered = _lock.TryEnter(milliseconds);
        if (isEntered)
        {
            Take(Environment.CurrentManagedThreadId, withTable: false, host: null, depth: 0);
        }
        return isEntered;
    }

    public void Exit()
    {
        if (_depth > 0)
        {
            _depth--;
            return;
        }
        bool hadTurn = _hasTurn;
        Take(thread: 0, withTable: false, host: null, depth: 0);
        _lock.Exit();
        if (hadTurn)
        {
            _turn.Exit();
        }
    }

    /// <summary>
    /// In the middle of a command on the table, where nothing is half done: leaves the control lock and enters again if others have waited
    /// for long.
    /// </summary>
    /// <returns>Whether it was left.</returns>
    public bool Breathe()
    {
        if (!_hasTurn || !_lock.IsOverdue)
        {
            return false;
        }
        (int thread, ICommandHost? host, int depth) = (_holder, _host, _depth);
        host?.OnLeaving();
        Take(thread: 0, withTable: false, host: null, depth: 0);
        _lock.Exit();
        _lock.Enter();
        Take(thread, withTable: true, host, depth);
        host?.OnEntered();
        return true;
    }

    /// <summary>
    /// In the middle of a command on the table, where nothing is half done: leaves the control lock for something that may take long and
    /// needs none, until what is returned is disposed of.
    /// </summary>
    public OutsideScope Leave()
    {
        OutsideScope outside = new(this, _holder, _host, _depth);
        Take(thread: 0, withTable: false, host: null, depth: 0);
        _lock.Exit();
        return outside;
    }

    /// <summary>From <see cref="Leave"/> to the control lock's next entering, with the table's turn kept.</summary>
    public readonly ref struct OutsideScope(ControlLock left, int thread, ICommandHost? host, int depth)
    {
        public void Dispose()
        {
            left._lock.Enter();
            left.Take(thread, withTable: true, host, depth);
        }
    }

    private void Take(int thread, bool withTable, ICommandHost? host, int depth)
    {
        _hasTurn = withTable;
        _host = host;
        _depth = depth;
        Volatile.Write(ref _holder, thread);
    }
}

/// <summary>The caller of a long command, which holds other locks besides the control lock.</summary>
/// <remarks>Threads: called by the one that runs the command, with the control lock held. Implementations do not throw.</remarks>
internal interface ICommandHost
{
    /// <summary>The control lock is about to be left, for others to enter, in the middle of the command.</summary>
    void OnLeaving();

    /// <summary>The control lock was taken again; the command goes on.</summary>
    void OnEntered();
}

/// <summary>The control lock, held until this is disposed of.</summary>
internal readonly ref struct ControlScope
{
    private readonly ControlLock _lock;

    internal ControlScope(ControlLock controlLock) => _lock = controlLock;

    public void Dispose() => _lock.Exit();
}
