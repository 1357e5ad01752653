using Softswitch.Ports.Linux;

namespace Softswitch.Lab.Linux;

/// <summary>Signals to one process, by its id (signal(7)).</summary>
internal static class ProcessSignal
{
    private const int PR_SET_PDEATHSIG = 1;
    private const int SIGTERM = 15;
    private const int SIGCONT = 18;
    private const int SIGSTOP = 19;

    /// <summary>Asks it to end. False if there is no such process or it is not ours.</summary>
    public static bool TryTerminate(int process) => Libc.kill(process, SIGTERM) == 0;

    /// <summary>Has this process asked to end when its parent dies, or if it has died already (PR_SET_PDEATHSIG, prctl(2)).</summary>
    /// <remarks>By the thread that lives the longest, and after every exec: the kernel keeps it by threads.</remarks>
    public static void TerminateWith(int parent)
    {
        if (Libc.prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) == 0 && Libc.getppid() != parent)
        {
            TryTerminate(Environment.ProcessId);
        }
    }

    /// <summary>Stops all its threads where they are, until <see cref="TryContinue"/>.</summary>
    public static bool TryStop(int process) => Libc.kill(process, SIGSTOP) == 0;

    /// <summary>Lets a stopped process go on; nothing happens to one that runs.</summary>
    public static bool TryContinue(int process) => Libc.kill(process, SIGCONT) == 0;
}
