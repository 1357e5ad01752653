using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Memory;

namespace Softswitch.Ports.Tests.Linux.Memory;

/// <summary>Which files another process may share as memory.</summary>
public sealed class SharedFileTests
{
    [Fact]
    public void A_file_that_is_no_memory_is_refused()
    {
        int file = Libc.open("/proc/version", Libc.O_CLOEXEC);
        Assert.False(SharedFile.TryMap(file, bytes: 4096, offset: 0, out SharedFile? mapped, out string why));
        Assert.Null(mapped);
        Assert.Equal("a file that is no memory: neither a memfd nor on tmpfs or hugetlbfs", why);
    }
}
