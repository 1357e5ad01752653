using System.Runtime.InteropServices;
using Softswitch.Datapath.Flows;

namespace Softswitch.Datapath.Tests.Flows;

[Trait("HardwarePaths", "FlowHash")]
public sealed class FlowHashTests
{
    private static readonly FlowHash Hash = FlowHash.Create(0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89);

    /// <summary>One AES round makes one column of each of these groups of bytes, in either half of the key.</summary>
    public static TheoryData<int, int, int> BytesOfOneColumn
    {
        get
        {
            TheoryData<int, int, int> groups = [];
            for (int half = 0; half < 32; half += 16)
            {
                for (int column = 0; column < 16; column += 4)
                {
                    groups.Add(half + column, half + ((column + 5) % 16), half + ((column + 10) % 16));
                }
            }
            return groups;
        }
    }

    [Theory]
    [MemberData(nameof(BytesOfOneColumn))]
    public void Keys_that_differ_where_one_round_mixes_least_hash_apart(int first, int second, int third)
    {
        const int count = 1 << 15;
        HashSet<ulong> hashes = [];
        HashSet<ulong> slots = [];
        HashSet<ulong> segments = [];
        FlowKey key = default;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<FlowKey>(ref key));
        for (int i = 0; i < count; i++)
        {
            bytes[first] = (byte)i;
            bytes[second] = (byte)((i >> 8) & 15);
            bytes[third] = (byte)(i >> 12);
            ulong hash = Hash.Compute(key);
            hashes.Add(hash);
            slots.Add(hash & 0x00ff_ff1f); // what tells entries of one segment apart: bucket and signature
            segments.Add(hash >> (64 - 12));
        }
        Assert.Equal(count, hashes.Count);
        Assert.True(slots.Count > count * 0.9, $"{slots.Count} pairs of bucket and signature for {count} keys");
        Assert.True(segments.Count > 4000, $"{segments.Count} of 4096 segments used by {count} keys");
    }
}
