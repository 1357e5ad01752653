namespace Softswitch.Ports.Linux.Processes;

/// <summary>Reduces root's capabilities(7) to those that a switch needs: by number, as in linux/capability.h.</summary>
/// <remarks>
/// Capabilities belong to threads, and .NET has some before the first line of ours runs. So the bounding set of the calling thread is reduced and the program
/// started again in its place, where every thread begins with the reduced set.
/// </remarks>
internal static unsafe class Capabilities
{
    private const int PR_CAPBSET_READ = 23;
    private const int PR_CAPBSET_DROP = 24;
    private const int PR_SET_NO_NEW_PRIVS = 38;

    private const int CAP_DAC_OVERRIDE = 1;
    private const int CAP_NET_BIND_SERVICE = 10;
    private const int CAP_NET_ADMIN = 12;
    private const int CAP_NET_RAW = 13;
    private const int CAP_IPC_LOCK = 14;
    private const int CAP_SYS_PTRACE = 19;
    private const int CAP_SYS_ADMIN = 21;
    private const int CAP_PERFMON = 38; // without it the kernel's verifier takes the program of flows in the kernel for too large
    private const int CAP_BPF = 39;

    /// <summary>
    /// Keeps the capabilities to open ports when interfaces return, and files at any time. If the process is not root, or has no others, it does nothing; else
    /// the program starts again with the same arguments. To be called by the first thread, before any file is open.
    /// </summary>
    /// <remarks>Where the system refuses, all stays as it is.</remarks>
    public static void KeepThoseOfSwitch()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return;
        }
        // A kernel that does not know CAP_BPF and CAP_PERFMON asks for CAP_SYS_ADMIN in their place.
        int forPrograms = Libc.prctl(PR_CAPBSET_READ, CAP_BPF, 0, 0, 0) < 0 ? CAP_SYS_ADMIN : CAP_BPF;
        bool any = false;
        for (int capability = 0; Libc.prctl(PR_CAPBSET_READ, (nuint)capability, 0, 0, 0) is var held and >= 0; capability++)
        {
            bool isKept = capability is CAP_DAC_OVERRIDE or CAP_NET_BIND_SERVICE or CAP_NET_ADMIN or CAP_NET_RAW or CAP_IPC_LOCK or CAP_PERFMON
                || capability == forPrograms;
            any |= held == 1 && !isKept && Libc.prctl(PR_CAPBSET_DROP, (nuint)capability, 0, 0, 0) == 0;
        }
        if (any && Libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        {
            StartAgain();
        }
    }

    /// <summary>Whether the calling thread may look into processes that have more capabilities than it has (ptrace(2)).</summary>
    public static bool MayLookIntoOthers()
    {
        const string effective = "CapEff:";
        string set = File.ReadLines("/proc/thread-self/status").First(line => line.StartsWith(effective, StringComparison.Ordinal));
        return (Convert.ToUInt64(set[effective.Length..].Trim(), 16) & (1UL << CAP_SYS_PTRACE)) != 0;
    }

    private static void StartAgain()
    {
        try
        {
            string? program = File.ResolveLinkTarget("/proc/self/exe", returnFinalTarget: false)?.FullName;
            string[] arguments = File.ReadAllText("/proc/self/cmdline")[..^1].Split('\0'); // each ends with a NUL
            if (program != null)
            {
                ProcessImage.Replace(program, arguments, new Dictionary<string, string>(), inNewNetwork: false);
            }
        }
        catch (Exception e) when (e is SystemCallException or IOException or UnauthorizedAccessException)
        {
            // It goes on with all of them.
        }
    }
}
