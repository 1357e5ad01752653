namespace Softswitch.Ports.Linux;

/// <summary>Signals to one process, by its id (signal(7)).</summary>
internal static class ProcessSignal
{
    private const int SIGTERM = 15;
    private const int SIGCONT = 18;
    private const int SIGSTOP = 19;

    /// <summary>Asks it to end. False if there is no such process or it is not ours.</summary>
    public static bool TryTerminate(int process) => Libc.kill(process, SIGTERM) == 0;

    /// <summary>Stops all its threads where they are, until <see cref="TryContinue"/>.</summary>
    public static bool TryStop(int process) => Libc.kill(process, SIGSTOP) == 0;

    /// <summary>Lets a stopped process go on; nothing happens to one that runs.</summary>
    public static bool TryContinue(int process) => Libc.kill(process, SIGCONT) == 0;
}
