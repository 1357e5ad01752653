using System.Runtime.InteropServices;

namespace Softswitch.Ports.Tests;

/// <summary>Takes rights away from one thread, as a container does from all (capset(2)).</summary>
internal static partial class Capabilities
{
    public const int CAP_NET_ADMIN = 12;
    public const int CAP_NET_RAW = 13;

    private const uint Version = 0x20080522; // _LINUX_CAPABILITY_VERSION_3: two words for each set

    /// <summary>The calling thread has these capabilities left and none it could get back.</summary>
    public static unsafe void KeepOnly(params int[] capabilities)
    {
        uint kept = capabilities.Aggregate(0u, (bits, capability) => bits | (1u << capability));
        uint* header = stackalloc uint[] { Version, 0 };
        uint* sets = stackalloc uint[] { kept, kept, 0, 0, 0, 0 }; // effective, permitted, inheritable; then of capabilities from 32 on
        Assert.True(CapSet(header, sets) == 0, $"capset: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", EntryPoint = "capset", SetLastError = true)]
    private static unsafe partial int CapSet(uint* header, uint* sets);
}
