using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Memory;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Linux.Memory;

public sealed unsafe class HugePagesTests
{
    private const int HugePage = 2 << 20;

    private static int FreePages => int.Parse(
        File.ReadLines("/proc/meminfo").FirstOrDefault(line => line.StartsWith("HugePages_Free:", StringComparison.Ordinal))?.Split(':')[1] ?? "0",
        System.Globalization.CultureInfo.InvariantCulture);

    [Theory]
    [InlineData(4096, false)]
    [InlineData(HugePage, false)]
    [InlineData((3 * HugePage) + 4096, false)]
    [InlineData(4096, true)]
    [InlineData((3 * HugePage) + 4096, true)]
    public void Memory_begins_at_a_huge_page_and_can_be_written_whole(int bytes, bool shared)
    {
        using HugePages memory = HugePages.Allocate((nuint)bytes, shared);
        Assert.Equal(shared, memory.Descriptor >= 0);
        Assert.Equal((nuint)bytes, memory.Bytes);
        Assert.Equal(0u, (nuint)memory.Start % HugePage);
        new Span<byte>(memory.Start, bytes).Fill(0x5a);
        Assert.Equal(-1, new ReadOnlySpan<byte>(memory.Start, bytes).IndexOfAnyExcept((byte)0x5a));
    }

    [Fact]
    public void Shared_memory_is_the_same_wherever_it_is_mapped_and_stays_when_the_first_owner_is_gone()
    {
        const int bytes = HugePage + 4096;
        HugePages first = HugePages.Allocate(bytes, shared: true);
        first.Start[bytes - 1] = 42;
        using HugePages second = HugePages.Map(GuestRam.Duplicate(first.Descriptor), bytes);
        Assert.Equal(0u, (nuint)second.Start % HugePage);
        Assert.Equal(42, second.Start[bytes - 1]);
        second.Start[0] = 43;
        Assert.Equal(43, first.Start[0]);
        first.Dispose();
        Assert.Equal(43, second.Start[0]);
    }

    [Fact]
    public void Memory_of_another_size_or_that_could_be_cut_short_is_refused()
    {
        using HugePages memory = HugePages.Allocate(HugePage, shared: true);
        Assert.Throws<InvalidDataException>(() => HugePages.Map(memory.Descriptor, 2 * HugePage));
        using FileStream file = File.Open(Path.GetTempFileName(), new FileStreamOptions { Access = FileAccess.ReadWrite, Options = FileOptions.DeleteOnClose });
        file.SetLength(HugePage);
        Assert.Throws<InvalidDataException>(() => HugePages.Map((int)file.SafeFileHandle.DangerousGetHandle(), HugePage));
        Assert.NotEqual(0, Libc.ftruncate(memory.Descriptor, 0));
    }

    [Fact]
    public void Without_enough_reserved_pages_the_description_says_so()
    {
        int wanted = FreePages + 8;
        using HugePages memory = HugePages.Allocate((nuint)wanted * HugePage);
        Assert.StartsWith(
            $"{2 * wanted} MiB in ordinary pages (no {wanted} huge pages of 2 MiB are free, see sysctl vm.nr_hugepages)", memory.Description, StringComparison.Ordinal);
    }

    [Theory, Trait("Ring", "peers")]
    [InlineData(false)]
    [InlineData(true)]
    public void With_reserved_pages_they_are_taken_and_given_back(bool shared)
    {
        const int wanted = 4;
        Assert.SkipUnless(FreePages >= wanted, $"fewer than {wanted} huge pages are free (sysctl vm.nr_hugepages={wanted})");
        using var pool = new FramePool(wanted * HugePage / 2048, allocate: bytes =>
        {
            HugePages memory = HugePages.Allocate(bytes, shared);
            Assert.Equal($"{2 * wanted} MiB in huge pages", memory.Description);
            return memory;
        });
        Assert.Equal((nuint)wanted * HugePage, pool.RegionBytes);
    }
}
