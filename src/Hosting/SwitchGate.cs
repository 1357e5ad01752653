using Softswitch.Datapath.Control;

namespace Softswitch.Hosting;

/// <summary>The control lock of a switch for those who ask something of it: closed once the switch ends. Threads: any.</summary>
internal sealed class SwitchGate(DatapathControl control)
{
    private volatile bool _isClosed;

    /// <summary>Whether the end of the switch has been announced.</summary>
    public bool IsClosed => _isClosed;

    /// <summary>As <see cref="DatapathControl.Enter"/>.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public ControlScope Enter() => Check(control.Enter());

    /// <summary>As <see cref="DatapathControl.EnterWithoutTable"/>.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public ControlScope EnterWithoutTable() => Check(control.EnterWithoutTable());

    /// <returns>False if the lock could not be had in that time.</returns>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public bool TryEnterWithoutTable(TimeSpan patience, out ControlScope scope)
    {
        bool isIn = control.TryEnterWithoutTable((int)patience.TotalMilliseconds, out scope);
        scope = isIn ? Check(scope) : scope;
        return isIn;
    }

    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public void Check() => ObjectDisposedException.ThrowIf(_isClosed, typeof(SwitchHost));

    /// <summary>Announces the end of the switch.</summary>
    /// <returns>False if that was done before.</returns>
    public bool TryClose()
    {
        using (control.EnterWithoutTable())
        {
            bool isFirst = !_isClosed;
            _isClosed = true;
            return isFirst;
        }
    }

    // With the lock held, as the end is announced: the caller must not find the switch's memory gone.
    private ControlScope Check(ControlScope scope)
    {
        if (_isClosed)
        {
            scope.Dispose();
            Check();
        }
        return scope;
    }
}
