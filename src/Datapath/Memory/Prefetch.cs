using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Softswitch.Datapath.Memory;

/// <summary>Asks for a cache line ahead of its use; does nothing where the machine has no such instruction.</summary>
internal static unsafe class Prefetch
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Line(void* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }
}
