using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Tests.Memory;

public sealed unsafe class NativeBlocksTests
{
    private const nint HugePage = 2 << 20;

    [Fact]
    public void Many_blocks_come_from_memory_that_can_be_huge_pages_and_each_is_its_owners_alone()
    {
        const int size = 2112;
        const int count = 5000;
        List<(nint Start, nuint Bytes)> advised = [];
        using NativeBlocks blocks = new(size, (start, bytes) => advised.Add((start, bytes)));
        nint[] rented = [.. Enumerable.Range(0, count).Select(_ => (nint)blocks.Rent())];
        for (int i = 0; i < count; i++)
        {
            Assert.Equal(0, rented[i] % 64);
            new Span<byte>((byte*)rented[i], size).Fill((byte)i);
        }
        Assert.All(Enumerable.Range(0, count), i => Assert.False(new Span<byte>((byte*)rented[i], size).ContainsAnyExcept((byte)i)));
        Assert.NotEmpty(advised);
        Assert.All(advised, memory => Assert.Equal((0, HugePage), (memory.Start % HugePage, (nint)memory.Bytes)));
        Assert.InRange(blocks.AllocatedBytes, (long)size * count, ((long)size * count) + HugePage);
        Array.ForEach(rented, block => blocks.Return((byte*)block));
        Assert.Contains((nint)blocks.Rent(), rented);
    }

    [Fact]
    public void Few_blocks_ask_for_no_huge_page_nor_does_the_beginning_of_a_table()
    {
        List<nint> advised = [];
        using NativeBlocks blocks = new(2112, (start, _) => advised.Add(start));
        for (int i = 0; i < 500; i++)
        {
            blocks.Rent();
        }
        Assert.Empty(advised);
        using FlowStore small = new(capacity: 30_000, workers: 2, (start, _) => advised.Add(start));
        Assert.Empty(advised);
        using FlowStore large = new(capacity: 100_000, workers: 1, (start, _) => advised.Add(start));
        Assert.Equal([(nint)large.Entries + HugePage], advised);
    }
}
