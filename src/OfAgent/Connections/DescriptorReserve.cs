using System.Globalization;
using System.Runtime.InteropServices;

namespace Softswitch.OfAgent.Connections;

/// <summary>File descriptors that connections from outside leave alone.</summary>
/// <remarks>
/// The runtime needs descriptors to start a thread or load an assembly, and ends the process when it gets none. So listeners close accepted
/// connections while a few descriptors are still free, which leaves room for configured controllers and new ports, too.
/// </remarks>
internal static class DescriptorReserve
{
    public const int Size = 16;

    private static readonly long Limit = ReadLimit();

    /// <summary>Whether this descriptor is one of the last: the kernel gives the lowest free number, so one near the limit means that few are left.</summary>
    public static bool Includes(SafeHandle descriptor) => (long)descriptor.DangerousGetHandle() >= Limit - Size;

    private static long ReadLimit()
    {
        const string label = "Max open files";
        try
        {
            string line = File.ReadLines("/proc/self/limits").First(line => line.StartsWith(label, StringComparison.Ordinal));
            string soft = line[label.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
            return long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out long limit) ? limit : long.MaxValue;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            return long.MaxValue; // no /proc: nothing to go by
        }
    }
}
