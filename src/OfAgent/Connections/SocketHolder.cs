using System.Globalization;
using System.Net.Sockets;

namespace Softswitch.OfAgent.Connections;

/// <summary>Finds the process that has a wanted socket, in words for an error message.</summary>
internal static class SocketHolder
{
    private const int SOL_SOCKET = 1;
    private const int SO_PEERCRED = 17; // struct ucred: pid, uid, gid
    private const string Listening = "0A"; // TCP_LISTEN

    /// <param name="probe">Connected to the holder, over a Unix socket.</param>
    /// <returns>Such as <c> (pid 4711)</c>; empty if it is not to be found.</returns>
    public static string Of(Socket probe)
    {
        Span<byte> credentials = stackalloc byte[3 * sizeof(int)];
        try
        {
            return probe.GetRawSocketOption(SOL_SOCKET, SO_PEERCRED, credentials) >= sizeof(int) && BitConverter.ToInt32(credentials) is > 0 and var process
                ? Describe(process) : string.Empty;
        }
        catch (SocketException)
        {
            return string.Empty;
        }
    }

    /// <summary>Finds the listener at a TCP port in this thread's network namespace: the socket's inode, and the process that has it open (proc(5)).</summary>
    /// <returns>As above; empty as well if it is another user's.</returns>
    public static string OfTcp(int port)
    {
        try
        {
            string end = $":{port:X4}";
            HashSet<string> links = [];
            foreach (string table in (string[])["tcp", "tcp6"])
            {
                // Columns: number, local address, remote address, state, queues, timer, retransmissions, user, timeout, inode.
                links.UnionWith(File.ReadLines($"/proc/thread-self/net/{table}").Skip(1)
                    .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                    .Where(columns => columns.Length > 9 && columns[1].EndsWith(end, StringComparison.Ordinal) && columns[3] == Listening)
                    .Select(columns => $"socket:[{columns[9]}]"));
            }
            foreach (string folder in Directory.EnumerateDirectories("/proc"))
            {
                if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int process) && Has(folder, links))
                {
                    return Describe(process);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // a /proc that says less: the message does, too
        }
        return string.Empty;
    }

    private static bool Has(string process, HashSet<string> links)
    {
        try
        {
            return Directory.EnumerateFiles($"{process}/fd").Any(file => links.Contains(new FileInfo(file).LinkTarget ?? string.Empty));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it has ended, or is another user's
        }
    }

    private static string Describe(int process) => process == Environment.ProcessId ? " (this process)" : $" (pid {process})";
}
