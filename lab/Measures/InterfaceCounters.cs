using System.Globalization;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Lab.Measures;

/// <summary>What the kernel counted on an interface.</summary>
internal readonly record struct InterfaceCounters(long ReceivedBytes, long Received, long ReceiveDropped, long TransmitDropped)
{
    /// <summary>The counters of an interface of a network namespace; zero if there is none of this name.</summary>
    public static InterfaceCounters Read(NetworkNamespace network, string name) =>
        Parse(network.Run(() => File.ReadAllText("/proc/thread-self/net/dev")), name);

    /// <summary>Reads them from what /proc/net/dev says (proc(5)).</summary>
    public static InterfaceCounters Parse(string text, string name)
    {
        foreach (string line in text.Split('\n'))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && line[..colon].Trim() == name)
            {
                // Receive: bytes packets errs drop fifo frame compressed multicast; transmit: bytes packets errs drop ...
                long[] fields = [.. line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(field => long.Parse(field, CultureInfo.InvariantCulture))];
                return new InterfaceCounters(fields[0], fields[1], fields[3], fields[11]);
            }
        }
        return default;
    }
}
