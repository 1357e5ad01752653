namespace Softswitch.Ports.Linux.Processes;

/// <summary>Which processors the calling thread may run on; threads it starts inherit that.</summary>
internal static unsafe class ProcessorAffinity
{
    /// <summary>Processors that cpu_set_t has room for.</summary>
    public const int Limit = 1024;

    private const int MaskWords = Limit / 64;

    /// <summary>The processors allowed now, in ascending order; none if the kernel does not say.</summary>
    public static int[] Read()
    {
        ulong* mask = stackalloc ulong[MaskWords];
        if (Libc.sched_getaffinity(0, MaskWords * sizeof(ulong), mask) < 0)
        {
            return [];
        }
        List<int> processors = [];
        for (int i = 0; i < Limit; i++)
        {
            if ((mask[i / 64] >> (i % 64) & 1) != 0)
            {
                processors.Add(i);
            }
        }
        return [.. processors];
    }

    /// <summary>Allows these processors and no others. False if the kernel refuses.</summary>
    public static bool TrySet(ReadOnlySpan<int> processors)
    {
        ulong* mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        foreach (int processor in processors)
        {
            mask[processor / 64] |= 1UL << (processor % 64);
        }
        return Libc.sched_setaffinity(0, MaskWords * sizeof(ulong), mask) == 0;
    }
}
