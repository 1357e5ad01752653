using System.Runtime.InteropServices;

namespace Softswitch.Hosting;

/// <summary>SIGINT, SIGTERM and SIGHUP as a request to end, instead of as the end.</summary>
internal sealed class TerminationSignal : IDisposable
{
    private readonly CancellationTokenSource _requested = new();
    private readonly PosixSignalRegistration[] _registrations;

    public TerminationSignal() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, Request),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, Request),
        PosixSignalRegistration.Create(PosixSignal.SIGHUP, Request),
    ];

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
        // A second one finds a process that is ending, and may end it at once.
        context.Cancel = !_requested.IsCancellationRequested;
        _requested.Cancel();
    }
}
