using System.Runtime.InteropServices;

namespace Softswitch.Hosting;

/// <summary>SIGINT, SIGTERM and SIGHUP as a request to end, instead of as the end.</summary>
internal sealed class TerminationSignal : IDisposable
{
    private readonly CancellationTokenSource _requested = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly bool _tidiesUp;

    /// <param name="tidiesUp">
    /// Whether programs have to be ended on the way out, in bounded time: then a second signal, such as the terminal's Ctrl-C and
    /// the parent's SIGTERM together are, changes nothing. Otherwise it ends the process at once.
    /// </param>
    public TerminationSignal(bool tidiesUp = false)
    {
        _tidiesUp = tidiesUp;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, Request),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, Request),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, Request),
        ];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _requested.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
        _requested.Dispose();
    }

    private void Request(PosixSignalContext context)
    {
        context.Cancel = _tidiesUp || !_requested.IsCancellationRequested;
        _requested.Cancel();
    }
}
