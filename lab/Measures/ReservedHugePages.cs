using System.Globalization;

namespace Softswitch.Lab.Measures;

/// <summary>Huge pages that the kernel keeps for programs that ask for them (hugetlbpage.rst), and gets back when this is disposed.</summary>
/// <remarks>Threads: one. After a kill they stay reserved: <c>sysctl vm.nr_hugepages</c> gives them back.</remarks>
internal sealed class ReservedHugePages : IDisposable
{
    private const string Reserved = "/proc/sys/vm/nr_hugepages";

    private long _added;

    private ReservedHugePages(long added) => _added = added;

    /// <summary>MiB of huge pages that are reserved and free.</summary>
    public static long FreeMiB => Machine.ReadMemory("HugePages_Free") * PageKiB / 1024;

    private static long PageKiB => Machine.ReadMemory("Hugepagesize");

    /// <summary>Sees to it that so much is free; null if the system does not let us, or if it is more than half of the memory that is left.</summary>
    public static ReservedHugePages? TryReserve(int mebibytes)
    {
        if (PageKiB == 0)
        {
            return null;
        }
        long before = Machine.ReadMemory("HugePages_Total");
        long missing = (((mebibytes - FreeMiB) * 1024) + PageKiB - 1) / PageKiB;
        // Asked for more, the kernel would take what others are about to need.
        if (missing > 0 && (missing * PageKiB > Machine.ReadMemory("MemAvailable") / 2 || !TryWrite(before + missing)))
        {
            return null;
        }
        // The kernel reserves as many as it finds.
        var pages = new ReservedHugePages(Machine.ReadMemory("HugePages_Total") - before);
        if (FreeMiB >= mebibytes)
        {
            return pages;
        }
        pages.Dispose();
        return null;
    }

    public void Dispose()
    {
        if (_added > 0)
        {
            TryWrite(Math.Max(0, Machine.ReadMemory("HugePages_Total") - _added));
            _added = 0;
        }
    }

    private static bool TryWrite(long count)
    {
        try
        {
            File.WriteAllText(Reserved, count.ToString(CultureInfo.InvariantCulture));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
