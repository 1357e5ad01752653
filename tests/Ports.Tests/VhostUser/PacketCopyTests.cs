using Softswitch.Ports.VhostUser;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.VhostUser;

[Trait("HardwarePaths", "PacketCopy")]
public sealed unsafe class PacketCopyTests
{
    private const int Longest = 300;

    [Fact]
    public void Every_length_is_copied_whole_and_nothing_beyond_it_is_touched()
    {
        byte[] bytes = new byte[Longest];
        new Random(1).NextBytes(bytes);
        using GuardedMemory source = new(Longest);
        using GuardedMemory target = new(Longest);
        byte[] before = new byte[Longest];
        for (int length = 0; length <= Longest; length++)
        {
            byte* from = source.PlaceAtEnd(bytes.AsSpan(0, length));
            byte* end = target.PlaceAtEnd(before) + Longest;
            PacketCopy.Copy(end - length, from, (nuint)length);
            Assert.Equal(bytes.AsSpan(0, length), new Span<byte>(end - length, length));
            Assert.Equal(-1, new Span<byte>(end - Longest, Longest - length).IndexOfAnyExcept((byte)0));
        }
    }
}
