using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Control;

/// <summary>What lets one thread at a time use the control side, and long commands let others in between.</summary>
/// <remarks>
/// <para>
/// Two locks, both fair. The gate is held for every call. Who uses flow entries has the table's turn besides, taken before the gate and kept
/// to the end of the command: a command that takes long leaves the gate now and then (<see cref="Breathe"/>), and whoever enters meanwhile
/// finds the table in nobody's hands but cannot have it. So another's echo waits for a slice, another's flow-mod for the whole command.
/// </para>
/// <para>Entering again what one holds is allowed. Threads: any.</para>
/// </remarks>
internal sealed class ControlLock
{
    private readonly FairLock _turn = new();
    private readonly FairLock _gate = new();
    private int _holder; // managed thread id
    private int _depth;
    private bool _hasTurn;
    private ICommandHost? _host;

    /// <summary>Holder only: whether others have waited for so long that it is time to leave.</summary>
    public bool IsOverdue => _gate.IsOverdue || (_hasTurn && _turn.IsOverdue);

    /// <param name="withTable">Whether flow entries are used.</param>
    /// <param name="host">Told when a long command leaves the gate in between; may be null.</param>
    public void Enter(bool withTable, ICommandHost? host)
    {
        int thread = Environment.CurrentManagedThreadId;
        if (Volatile.Read(ref _holder) == thread)
        {
            if (withTable && !_hasTurn)
            {
                throw new InvalidOperationException("the gate was entered without the table");
            }
            _depth++;
            return;
        }
        if (withTable)
        {
            _turn.Enter();
        }
        _gate.Enter();
        Take(thread, withTable, host, depth: 0);
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
        _gate.Exit();
        if (hadTurn)
        {
            _turn.Exit();
        }
    }

    /// <summary>In the middle of a command on the table, where nothing is half done: leaves the gate and enters again if others have waited for long.</summary>
    public void Breathe()
    {
        if (!_hasTurn || !_gate.IsOverdue)
        {
            return;
        }
        (int thread, ICommandHost? host, int depth) = (_holder, _host, _depth);
        host?.OnLeaving();
        Take(thread: 0, withTable: false, host: null, depth: 0);
        _gate.Exit();
        _gate.Enter();
        Take(thread, withTable: true, host, depth);
        host?.OnEntered();
    }

    private void Take(int thread, bool withTable, ICommandHost? host, int depth)
    {
        _hasTurn = withTable;
        _host = host;
        _depth = depth;
        Volatile.Write(ref _holder, thread);
    }
}

/// <summary>Whoever runs a command that may take long, and holds more than the gate.</summary>
/// <remarks>Threads: called by the one that runs the command, with the gate held. Implementations do not throw.</remarks>
internal interface ICommandHost
{
    /// <summary>The gate is about to be left, for others to enter, in the middle of the command.</summary>
    void OnLeaving();

    /// <summary>The gate was entered again; the command goes on.</summary>
    void OnEntered();
}

/// <summary>The control gate, held until this is disposed of.</summary>
internal readonly ref struct ControlScope
{
    private readonly ControlLock _gate;

    internal ControlScope(ControlLock gate) => _gate = gate;

    public void Dispose() => _gate.Exit();
}
