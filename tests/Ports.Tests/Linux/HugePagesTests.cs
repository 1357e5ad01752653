using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;

namespace Softswitch.Ports.Tests.Linux;

public sealed unsafe class HugePagesTests
{
    private const int HugePage = 2 << 20;

    private static int FreePages => int.Parse(
        File.ReadLines("/proc/meminfo").FirstOrDefault(line => line.StartsWith("HugePages_Free:", StringComparison.Ordinal))?.Split(':')[1] ?? "0",
        System.Globalization.CultureInfo.InvariantCulture);

    [Theory]
    [InlineData(4096)]
    [InlineData(HugePage)]
    [InlineData((3 * HugePage) + 4096)]
    public void Memory_begins_at_a_huge_page_and_can_be_written_whole(int bytes)
    {
        using HugePages memory = HugePages.Allocate((nuint)bytes);
        Assert.Equal((nuint)bytes, memory.Bytes);
        Assert.Equal(0u, (nuint)memory.Start % HugePage);
        new Span<byte>(memory.Start, bytes).Fill(0x5a);
        Assert.Equal(-1, new ReadOnlySpan<byte>(memory.Start, bytes).IndexOfAnyExcept((byte)0x5a));
    }

    [Fact]
    public void Without_enough_reserved_pages_the_description_says_so()
    {
        int wanted = FreePages + 8;
        using HugePages memory = HugePages.Allocate((nuint)wanted * HugePage);
        Assert.StartsWith(
            $"{2 * wanted} MiB in ordinary pages (no {wanted} huge pages of 2 MiB are free, see sysctl vm.nr_hugepages)", memory.Description, StringComparison.Ordinal);
    }

    [Fact]
    public void With_reserved_pages_they_are_taken_and_given_back()
    {
        const int wanted = 4;
        Assert.SkipUnless(FreePages >= wanted, $"fewer than {wanted} huge pages are free (sysctl vm.nr_hugepages={wanted})");
        using var pool = new FramePool(wanted * HugePage / 2048, allocate: bytes =>
        {
            HugePages memory = HugePages.Allocate(bytes);
            Assert.Equal($"{2 * wanted} MiB in huge pages", memory.Description);
            return memory;
        });
        Assert.Equal((nuint)wanted * HugePage, pool.RegionBytes);
    }
}
