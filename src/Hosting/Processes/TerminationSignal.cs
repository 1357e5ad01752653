using System.Runtime.InteropServices;

namespace Softswitch.Hosting.Processes;

/// <summary>SIGINT, SIGTERM and SIGHUP as a request to end, instead of as the end.</summary>
internal sealed class TerminationSignal : IDisposable
{
    private readonly CancellationTokenSource _requested = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly bool _tidiesUp;
    private readonly Action? _onReload;
    private readonly bool _hadTerminal = HasTerminal();

    /// <param name="tidiesUp">
    /// Whether programs have to be ended on the way out, in bounded time: then a second signal, such as the terminal's Ctrl-C and
    /// the parent's SIGTERM together are, changes nothing. Otherwise a second SIGINT ends the process at once: somebody has no patience.
    /// A second SIGTERM never does. The kernel sends one for each thread of a parent that dies (PR_SET_PDEATHSIG).
    /// </param>
    /// <param name="onReload">What a SIGHUP means that somebody sent to a daemon, instead of a request to end. One that comes because the terminal hung up
    /// remains one: whoever could stop the process by hand is gone.</param>
    public TerminationSignal(bool tidiesUp = false, Action? onReload = null)
    {
        _tidiesUp = tidiesUp;
        _onReload = onReload;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, Request),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, Request),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, HangUp),
        ];
    }

    /// <summary>Why it was requested, for people.</summary>
    public string Reason { get; private set; } = "asked to";

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _requested.Token;

    public void Dispose()
    {
        if (_requested.IsCancellationRequested)
        {
            Array.ForEach(_registrations, GC.SuppressFinalize);
            return; // The process is about to end, and what is sent until it has must not change its exit code.
        }
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
        _requested.Dispose();
    }

    private void Request(PosixSignalContext context)
    {
        Reason = $"{context.Signal}";
        context.Cancel = _tidiesUp || context.Signal != PosixSignal.SIGINT || !_requested.IsCancellationRequested;
        _requested.Cancel();
    }

    private void HangUp(PosixSignalContext context)
    {
        if (_onReload == null || _requested.IsCancellationRequested || (_hadTerminal && !HasTerminal()))
        {
            Request(context);
            return;
        }
        context.Cancel = true;
        _onReload();
    }

    /// <summary>Whether there is a controlling terminal: the kernel takes it away before it says SIGHUP (tty_signal_session_leader).</summary>
    private static bool HasTerminal()
    {
        try
        {
            File.OpenHandle("/dev/tty").Dispose();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
