using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using Softswitch.Hosting.Configuration;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Lab;

/// <summary>Brings the program into a network namespace of its own, so that it sees and touches nothing of the machine's network.</summary>
/// <remarks>
/// The program replaces itself: as root inside a new network namespace; as an ordinary user through unshare(1) inside a new
/// user namespace too, where it is root over nothing but its own networks (user_namespaces(7)). That takes another program
/// because the system call refuses a process with threads, and .NET has some before the first line of ours runs.
/// </remarks>
internal static class Sandbox
{
    /// <summary>Set for the program that runs inside, so that it does not enter again.</summary>
    private const string Inside = "SOFTSWITCH_SANDBOX_INSIDE";

    /// <summary>Set beside it: the descriptor of a socket that comes along.</summary>
    private const string Listener = "SOFTSWITCH_SANDBOX_LISTENER";

    // The values of the first.
    private const string AsRoot = "root";
    private const string AsUser = "user";

    private static readonly string[] UserNamespace = ["--user", "--map-root-user", "--net", "--"];

    /// <summary>Whether this process is in a user namespace that was made for it.</summary>
    public static bool IsOrdinaryUser => Environment.GetEnvironmentVariable(Inside) == AsUser;

    /// <summary>Whether this is the program that runs inside.</summary>
    public static bool IsInside => Environment.GetEnvironmentVariable(Inside) != null;

    /// <summary>Finds out whether <see cref="Enter"/> will return, for a program that is about to start those that enter.</summary>
    /// <exception cref="OptionException">As of <see cref="Enter"/>.</exception>
    public static void Check()
    {
        try
        {
            NetworkNamespace.Create().Dispose();
        }
        catch (SystemCallException refusal) when (refusal.IsRefusal)
        {
            Probe(FindUnshare());
        }
    }

    /// <summary>The socket that <see cref="Enter"/> was given outside, where it still listens; null if there was none. Inside, once.</summary>
    public static Socket? TakeListener() =>
        int.TryParse(Environment.GetEnvironmentVariable(Listener), out int descriptor) ? new Socket(new SafeSocketHandle(descriptor, ownsHandle: true)) : null;

    /// <summary>Returns inside the sandbox; outside it does not return.</summary>
    /// <param name="arguments">The command line that leads back here.</param>
    /// <param name="listener">A socket of the network outside, to be had inside too.</param>
    /// <exception cref="OptionException">The system lets this user make no namespaces; the message says what to do.</exception>
    public static void Enter(IEnumerable<string> arguments, Socket? listener = null)
    {
        if (IsInside)
        {
            return;
        }
        string[] self = [.. SelfExecutable.Command, .. arguments];
        if (listener != null)
        {
            ProcessImage.Keep(listener.SafeHandle);
        }
        try
        {
            ProcessImage.Replace(self[0], self, Mark(AsRoot, listener), inNewNetwork: true);
        }
        catch (SystemCallException refusal) when (refusal.IsRefusal)
        {
            string unshare = FindUnshare();
            Probe(unshare);
            ProcessImage.Replace(unshare, [unshare, .. UserNamespace, .. self], Mark(AsUser, listener), inNewNetwork: false);
        }
    }

    private static Dictionary<string, string> Mark(string how, Socket? listener) =>
        new() { [Inside] = how, [Listener] = listener == null ? string.Empty : $"{listener.Handle}" };

    private static string FindUnshare() =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':').Append("/usr/bin").Append("/bin")
            .Select(folder => Path.Combine(folder, "unshare")).FirstOrDefault(File.Exists)
        ?? throw new OptionException("an ordinary user needs unshare(1) for it: install util-linux, or run it as root");

    /// <summary>Tries what will be needed: a namespace that is ours, and a right that holds inside it (AppArmor may grant the first without the second).</summary>
    private static void Probe(string unshare)
    {
        var start = new ProcessStartInfo(unshare, [.. UserNamespace, unshare, "--net", "true"]) { RedirectStandardError = true };
        string said;
        try
        {
            using Process process = Process.Start(start)!;
            said = process.StandardError.ReadToEnd().Trim().ReplaceLineEndings("; ");
            process.WaitForExit();
            if (process.ExitCode == 0)
            {
                return;
            }
        }
        catch (Win32Exception e)
        {
            said = e.Message;
        }
        throw new OptionException($"this system lets only root make network namespaces ({said}): run it as root{Remedy()}");
    }

    private static string Remedy() =>
        Reads("/proc/sys/kernel/unprivileged_userns_clone", "0") ? ", or allow it with sysctl -w kernel.unprivileged_userns_clone=1"
        : Reads("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") ? ", or allow it with sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
        : Reads("/proc/sys/user/max_user_namespaces", "0") ? ", or allow it with sysctl -w user.max_user_namespaces=1000"
        : string.Empty;

    private static bool Reads(string path, string value)
    {
        try
        {
            return File.ReadAllText(path).Trim() == value;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
