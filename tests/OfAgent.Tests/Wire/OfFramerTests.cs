using System.Buffers.Binary;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Wire;

public sealed class OfFramerTests
{
    [Fact]
    public void Messages_come_out_whole_however_the_stream_is_cut()
    {
        const int seed = 7;
        Random random = new(seed);
        OfBuffer stream = new();
        List<int> lengths = [];
        for (int i = 0; i < 300; i++)
        {
            byte[] body = new byte[i % 50 == 0 ? OfHeader.MaxMessageLength - OfHeader.Size : random.Next(200)];
            EchoMessage.WriteRequest(stream, (uint)i, body);
            lengths.Add(OfHeader.Size + body.Length);
        }
        OfFramer framer = new();
        ReadOnlySpan<byte> rest = stream.Written;
        int count = 0;
        while (rest.Length > 0)
        {
            Memory<byte> free = framer.Free();
            Assert.NotEqual(0, free.Length);
            int part = Math.Min(rest.Length, random.Next(1, Math.Min(free.Length, 5000) + 1));
            rest[..part].CopyTo(free.Span);
            rest = rest[part..];
            framer.Advance(part);
            while (framer.TryRead(out ReadOnlySpan<byte> message) == FramingResult.Message)
            {
                Assert.True(OfHeader.TryDecode(message, out OfHeader header));
                Assert.Equal((uint)count, header.Xid);
                Assert.Equal(lengths[count], message.Length);
                count++;
            }
        }

        Assert.Equal(lengths.Count, count);
        Assert.Equal(0, framer.Pending);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void A_length_below_a_header_ends_the_framing(ushort length)
    {
        OfFramer framer = new();
        byte[] header = [1, 2, 0, 0, 0, 0, 0, 1];
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), length);
        header.CopyTo(framer.Free());
        framer.Advance(header.Length);

        Assert.Equal(FramingResult.BadLength, framer.TryRead(out _));
    }

    [Fact]
    public void A_header_alone_is_incomplete_until_its_body_came()
    {
        OfFramer framer = new();
        byte[] message = [1, 2, 0, 9, 0, 0, 0, 1, 42];
        message.AsSpan(0, 8).CopyTo(framer.Free().Span);
        framer.Advance(8);
        Assert.Equal(FramingResult.Incomplete, framer.TryRead(out _));

        message.AsSpan(8).CopyTo(framer.Free().Span);
        framer.Advance(1);
        Assert.Equal(FramingResult.Message, framer.TryRead(out ReadOnlySpan<byte> whole));
        Assert.True(whole.SequenceEqual(message));
    }
}
