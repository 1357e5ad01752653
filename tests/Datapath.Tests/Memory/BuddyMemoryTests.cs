using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tests.Memory;

public sealed unsafe class BuddyMemoryTests
{
    private const int Size = 1 << 20;

    [Fact]
    public void Blocks_do_not_overlap_and_what_is_returned_serves_every_size_again()
    {
        const int seed = 42;
        Random random = new(seed);
        using BuddyMemory sut = new(Size);
        List<(nint Start, int Bytes)> rented = [];
        for (int round = 0; round < 20_000; round++)
        {
            int bytes = random.Next(1, 1 << random.Next(1, 19));
            byte* block = random.Next(3) == 0 ? null : sut.TryRent(bytes);
            if (block != null)
            {
                Assert.Equal(0, (nint)block % 64);
                Assert.DoesNotContain(rented, other => (nint)block < other.Start + other.Bytes && other.Start < (nint)block + bytes);
                new Span<byte>(block, bytes).Fill(0xff);
                rented.Add(((nint)block, bytes));
            }
            else if (rented.Count > 0)
            {
                int at = random.Next(rented.Count);
                sut.Return((byte*)rented[at].Start, rented[at].Bytes);
                rented.RemoveAt(at);
            }
        }
        rented.ForEach(block => sut.Return((byte*)block.Start, block.Bytes));
        foreach (int bytes in (int[])[BuddyMemory.LargestBlock, 64, 100_000, 3000])
        {
            List<nint> all = RentAll(sut, bytes);
            Assert.Equal(Size / BuddyMemory.BlockFor(bytes), all.Count);
            all.ForEach(block => sut.Return((byte*)block, bytes));
        }
    }

    [Theory]
    [InlineData(1, 64)]
    [InlineData(64, 64)]
    [InlineData(65, 128)]
    [InlineData(131_104, 262_144)]
    public void A_block_is_the_next_power_of_two(int bytes, int block) => Assert.Equal(block, BuddyMemory.BlockFor(bytes));

    private static List<nint> RentAll(BuddyMemory sut, int bytes)
    {
        List<nint> all = [];
        for (byte* block = sut.TryRent(bytes); block != null; block = sut.TryRent(bytes))
        {
            all.Add((nint)block);
        }
        return all;
    }
}
