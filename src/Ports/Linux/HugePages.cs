using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.Linux;

/// <summary>Frames in huge pages of 2 MiB where the system has some to spare, else in ordinary ones: a packet anywhere in the pool costs fewer TLB misses.</summary>
/// <remarks>
/// Reserved pages (sysctl vm.nr_hugepages, MAP_HUGETLB) first; without them the kernel is asked to make huge pages of its own as it can
/// (transparent ones, madvise(MADV_HUGEPAGE)). References: Documentation/admin-guide/mm/hugetlbpage.rst, transhuge.rst.
/// </remarks>
internal sealed unsafe class HugePages : FrameMemory
{
    private const nuint PageSize = 2 << 20;

    private readonly nuint _mapped;

    private HugePages(byte* start, nuint bytes, nuint mapped, string description)
        : base(start, bytes)
    {
        _mapped = mapped;
        Description = description;
    }

    /// <summary>What was got and why, such as <c>32 MiB in huge pages</c>.</summary>
    public string Description { get; }

    /// <exception cref="SystemCallException">There are no ordinary pages either.</exception>
    public static HugePages Allocate(nuint bytes)
    {
        nuint size = (bytes + PageSize - 1) / PageSize * PageSize;
        byte* reserved = MapReserved(size, out int error);
        if (reserved != null)
        {
            return new HugePages(reserved, bytes, size, $"{size >> 20} MiB in huge pages");
        }
        string reason = error == Errno.ENOMEM
            ? $"no {size / PageSize} huge pages of 2 MiB are free, see sysctl vm.nr_hugepages" : $"mmap(MAP_HUGETLB): {Errno.Text(error)}";
        byte* start = MapOrdinary(size);
        bool asked = Libc.madvise(start, size, Libc.MADV_HUGEPAGE) == 0;
        return new HugePages(start, bytes, size, $"{size >> 20} MiB in ordinary pages ({reason}){(asked ? ", the kernel asked for transparent huge ones" : string.Empty)}");
    }

    protected override void Dispose(bool disposing) => _ = Libc.munmap(Start, _mapped);

    private static byte* MapReserved(nuint size, out int error)
    {
        const int flags = Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_HUGETLB | Libc.MAP_HUGE_2MB;
        void* mapped = Libc.mmap(null, size, Libc.PROT_READ | Libc.PROT_WRITE, flags, -1, 0);
        if ((nint)mapped == -1)
        {
            error = Errno.Last;
            return null;
        }
        // A control group may have a limit that mmap does not know of: touched later, a page beyond it would be a SIGBUS.
        if (Libc.madvise(mapped, size, Libc.MADV_POPULATE_WRITE) < 0 && Errno.Last != Errno.EINVAL) // EINVAL: before Linux 5.14
        {
            error = Errno.Last;
            _ = Libc.munmap(mapped, size);
            return null;
        }
        error = 0;
        return (byte*)mapped;
    }

    /// <summary>Maps at a multiple of a huge page, without which there can be no transparent ones.</summary>
    private static byte* MapOrdinary(nuint size)
    {
        void* mapped = Libc.mmap(null, size + PageSize, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS, -1, 0);
        if ((nint)mapped == -1)
        {
            throw SystemCallException.Last($"mmap({size >> 20} MiB of packet memory)");
        }
        nuint before = (PageSize - ((nuint)mapped % PageSize)) % PageSize;
        byte* start = (byte*)mapped + before;
        if (before > 0)
        {
            _ = Libc.munmap(mapped, before);
        }
        _ = Libc.munmap(start + size, PageSize - before);
        return start;
    }
}
