using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.Linux.Memory;

/// <summary>Frames in huge pages of 2 MiB where the system has some to spare, else in ordinary ones: a packet anywhere in the pool costs fewer TLB misses.</summary>
/// <remarks>
/// <para>
/// Reserved pages (sysctl vm.nr_hugepages, MAP_HUGETLB) first; without them the kernel is asked to make huge pages of its own as it can
/// (transparent ones). References: Documentation/admin-guide/mm/hugetlbpage.rst, transhuge.rst.
/// </para>
/// <para>
/// Private memory or shared. The kernel makes huge pages of private memory as it is touched (MADV_HUGEPAGE). Shared memory is a file's, of which it makes
/// them only when told to (MADV_COLLAPSE, Linux 6.1), all at once and before anything has the pages pinned. So shared memory is all there from the start:
/// it is for a switch whose frames the kernel pins as a umem anyway.
/// </para>
/// </remarks>
internal sealed unsafe class HugePages : FrameMemory
{
    private const nuint PageSize = 2 << 20;
    private const uint MFD_HUGETLB = 4;
    private const uint MFD_HUGE_2MB = 21u << 26; // the page's size as a power of two, as for mmap
    private const string Name = "softswitch-frames";

    private readonly nuint _mapped;

    private HugePages(byte* start, nuint bytes, nuint mapped, int descriptor, string description)
        : base(start, bytes)
    {
        _mapped = mapped;
        Descriptor = descriptor;
        Description = description;
    }

    /// <summary>What was got and why, such as <c>32 MiB in huge pages</c>.</summary>
    public string Description { get; }

    public override int Descriptor { get; }

    /// <param name="shared">Whether another process must be able to map it: then it has a <see cref="FrameMemory.Descriptor"/>, unless the system refuses.</param>
    /// <exception cref="SystemCallException">There are no ordinary pages either.</exception>
    public static HugePages Allocate(nuint bytes, bool shared = false)
    {
        nuint size = SizeOf(bytes);
        int descriptor = -1;
        byte* reserved = shared ? ShareReserved(size, out descriptor, out int error) : MapReserved(size, -1, out error);
        if (reserved != null)
        {
            return new HugePages(reserved, bytes, size, descriptor, $"{size >> 20} MiB in huge pages");
        }
        string reason = error == Errno.ENOMEM
            ? $"no {size / PageSize} huge pages of 2 MiB are free, see sysctl vm.nr_hugepages" : $"mmap(MAP_HUGETLB): {Errno.Text(error)}";
        if (shared && (descriptor = SharedMemory.TryCreateDescriptor(Name, size, flags: 0, out error)) < 0)
        {
            reason = $"{reason}; memfd_create: {Errno.Text(error)}: of this process alone";
        }
        byte* start;
        try
        {
            start = MapOrdinary(size, descriptor);
        }
        catch when (descriptor >= 0)
        {
            _ = Libc.close(descriptor);
            throw;
        }
        string made = (descriptor >= 0 ? Collapse(start, size) : Libc.madvise(start, size, Libc.MADV_HUGEPAGE) == 0)
            ? descriptor >= 0 ? ", the kernel made them transparent huge ones" : ", the kernel asked for transparent huge ones"
            : string.Empty;
        return new HugePages(start, bytes, size, descriptor, $"{size >> 20} MiB in ordinary pages ({reason}){made}");
    }

    /// <summary>Maps another process's shared memory; nothing is written to it.</summary>
    /// <param name="descriptor">What it has as <see cref="FrameMemory.Descriptor"/>, sent here. Its owner is the result; the caller, if this throws.</param>
    /// <param name="bytes">As many as the other asked for.</param>
    /// <exception cref="InvalidDataException">It is not of this size.</exception>
    /// <exception cref="SystemCallException">The system refuses.</exception>
    public static HugePages Map(int descriptor, nuint bytes)
    {
        nuint size = SizeOf(bytes);
        SharedMemory.Check(descriptor, size);
        byte* start = MapOrdinary(size, descriptor);
        _ = Libc.madvise(start, size, Libc.MADV_POPULATE_READ); // here, not at the first packets; they are all there
        return new HugePages(start, bytes, size, descriptor, $"{size >> 20} MiB as the switch before had them");
    }

    /// <summary>Asks the kernel for transparent huge pages where whole ones lie within this memory; nothing is lost where it has none.</summary>
    public static void Advise(nint start, nuint bytes)
    {
        nuint first = SizeOf((nuint)start);
        nuint end = ((nuint)start + bytes) / PageSize * PageSize;
        if (end > first)
        {
            _ = Libc.madvise((void*)first, end - first, Libc.MADV_HUGEPAGE);
        }
    }

    protected override void Dispose(bool disposing)
    {
        _ = Libc.munmap(Start, _mapped);
        if (Descriptor >= 0)
        {
            _ = Libc.close(Descriptor);
        }
    }

    private static nuint SizeOf(nuint bytes) => (bytes + PageSize - 1) / PageSize * PageSize;

    private static byte* ShareReserved(nuint size, out int descriptor, out int error)
    {
        descriptor = SharedMemory.TryCreateDescriptor(Name, size, MFD_HUGETLB | MFD_HUGE_2MB, out error);
        byte* mapped = descriptor >= 0 ? MapReserved(size, descriptor, out error) : null;
        if (mapped == null && descriptor >= 0)
        {
            _ = Libc.close(descriptor);
            descriptor = -1;
        }
        return mapped;
    }

    private static byte* MapReserved(nuint size, int descriptor, out int error)
    {
        int flags = descriptor >= 0 ? Libc.MAP_SHARED : Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_HUGETLB | Libc.MAP_HUGE_2MB;
        void* mapped = Libc.mmap(null, size, Libc.PROT_READ | Libc.PROT_WRITE, flags, descriptor, 0);
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
    /// <param name="descriptor">Of the memory; -1 for private memory.</param>
    private static byte* MapOrdinary(nuint size, int descriptor)
    {
        const int access = Libc.PROT_READ | Libc.PROT_WRITE;
        void* mapped = Libc.mmap(null, size + PageSize, access, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS, -1, 0);
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
        if (descriptor >= 0 && (nint)Libc.mmap(start, size, access, Libc.MAP_SHARED | Libc.MAP_FIXED, descriptor, 0) == -1)
        {
            SystemCallException refused = SystemCallException.Last($"mmap({size >> 20} MiB of shared packet memory)");
            _ = Libc.munmap(start, size);
            throw refused;
        }
        return start;
    }

    /// <summary>Makes huge pages of a file's memory.</summary>
    private static bool Collapse(byte* start, nuint size)
    {
        for (nuint at = 0; at < size; at += PageSize)
        {
            start[at] = 0; // of what has no page at all the kernel makes none
        }
        return Libc.madvise(start, size, Libc.MADV_COLLAPSE) == 0;
    }
}
