using System.Buffers.Binary;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Fragments;

/// <summary>Cutting for an MTU (RFC 791 §3.2).</summary>
public sealed class FragmenterTests : IDisposable
{
    private readonly FramePool _pool = new(512);
    private readonly FrameCache _frames;

    public FragmenterTests() => _frames = _pool.CreateCache();

    [Fact]
    public void What_is_cut_at_random_the_textbook_puts_together_again()
    {
        const int seed = 17;
        Random random = new(seed);
        for (int i = 0; i < 500; i++)
        {
            byte[] payload = new byte[random.Next(1, i % 50 == 0 ? 65000 : 5000)];
            random.NextBytes(payload);
            byte[] whole = TestPacket.Ipv4(17, payload, options: 4 * random.Next(11));
            int mtu = random.Next(68, 1600);
            List<byte[]> fragments = Cut(whole, mtu);
            Assert.True(fragments.TrueForAll(f => f.Length - 14 <= mtu), $"seed {seed}, step {i}");
            if (whole.Length - 14 <= mtu)
            {
                continue;
            }
            ReferenceReassembler reference = new(1, 1000);
            byte[]? made = null;
            foreach (byte[] fragment in fragments.OrderBy(_ => random.Next()))
            {
                made = reference.Accept(fragment, 0);
            }
            Assert.True(whole.AsSpan().SequenceEqual(made), $"seed {seed}, step {i}: {whole.Length} bytes for MTU {mtu}");
        }
    }

    [Fact]
    public void The_first_fragment_has_all_options_the_others_those_with_the_copied_flag()
    {
        byte[] whole = TestPacket.Ipv4(17, new byte[200], options: 16);
        byte[] options = [0x44, 4, 5, 0, /* timestamp: not copied */ 1, 0x83, 7, 4, 9, 8, 7, 6, /* source route: copied */ 1, 1, 1, 0];
        options.CopyTo(whole, 34);
        Ipv4Fragments.WriteChecksum(whole);
        List<byte[]> fragments = Cut(whole, 100);
        Assert.Equal(options, fragments[0][34..50]);
        foreach (byte[] later in fragments.Skip(1))
        {
            Assert.Equal(0x47, later[14]);
            Assert.Equal([0x83, 7, 4, 9, 8, 7, 6, 0], later[34..42]);
            Assert.Equal(0, TestPacket.TextbookChecksum(later.AsSpan(14, 28)));
        }
        Assert.Equal((64, 0x2000), (fragments[0].Length - 50, Field(fragments[0])));
        Assert.Equal((72, 0x2000 | 8), (fragments[1].Length - 42, Field(fragments[1])));
        Assert.Equal((64, 17), (fragments[2].Length - 42, Field(fragments[2])));
    }

    [Fact]
    public void A_fragment_cut_further_keeps_its_place_and_says_more_only_where_more_is()
    {
        byte[] middle = Ipv4Fragments.Write(TestPacket.Ipv4(17, new byte[160]), 800, more: true);
        Assert.Equal([0x2000 | 100, 0x2000 | 110], Cut(middle, 100).Select(Field));
        byte[] last = Ipv4Fragments.Write(TestPacket.Ipv4(17, new byte[160]), 800, more: false);
        Assert.Equal([0x2000 | 100, 110], Cut(last, 100).Select(Field));
    }

    [Fact]
    public void A_tag_is_kept_and_padding_is_not_sent()
    {
        byte[] whole = [.. TestPacket.Udp(payload: 300, vlan: 7), .. new byte[9]];
        List<byte[]> fragments = Cut(whole, 200);
        Assert.Equal(2, fragments.Count);
        Assert.All(fragments, f => Assert.Equal(whole[..18], f[..18]));
        Assert.Equal(308, fragments.Sum(f => f.Length - 38));
    }

    [Theory]
    [InlineData(0x4000, 100)] // Don't Fragment
    [InlineData(0, 27)]       // no room for eight bytes
    public void What_must_not_or_cannot_be_cut_is_refused(ushort field, int mtu)
    {
        Packet packet = Load(TestPacket.Ipv4(17, new byte[300], fragment: field));
        Assert.True(Fragmenter.Exceeds(packet, mtu));
        Assert.False(Fragmenter.TryBegin(packet, _frames, mtu, out _));
        _frames.Release(packet);
    }

    [Fact]
    public void Only_ipv4_longer_than_the_mtu_exceeds_it()
    {
        Assert.False(Exceeds(TestPacket.Ethernet(0x86dd, new byte[1400]), 500));
        Assert.False(Exceeds(TestPacket.Ipv4(17, new byte[480]), 500));
        Assert.False(Exceeds([.. TestPacket.Ipv4(17, new byte[480]), .. new byte[100]], 500)); // padded
        Assert.True(Exceeds(TestPacket.Ipv4(17, new byte[481]), 500));
        Assert.False(Exceeds(TestPacket.Ipv4(17, new byte[481]), 0));
    }

    [Fact]
    public void When_frames_run_out_the_rest_is_told()
    {
        using FramePool small = new(2, largeFrameCount: 1);
        FrameCache frames = small.CreateCache();
        byte[] whole = TestPacket.Ipv4(17, new byte[3000]);
        Assert.True(frames.TryRentLarge(out Packet packet));
        packet.Length = whole.Length;
        whole.CopyTo(packet.Bytes);
        Assert.True(Fragmenter.TryBegin(packet, frames, 820, out Fragmenter fragmenter));
        Assert.Equal(4, fragmenter.Remaining);
        Assert.True(fragmenter.TryNext(out Packet one));
        Assert.True(fragmenter.TryNext(out Packet two));
        Assert.False(fragmenter.TryNext(out _));
        Assert.Equal(2, fragmenter.Remaining);
        frames.Release([one, two, packet]);
    }

    public void Dispose() => _pool.Dispose();

    private static int Field(byte[] frame) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(20));

    private bool Exceeds(byte[] frame, int mtu)
    {
        Packet packet = Load(frame);
        bool exceeds = Fragmenter.Exceeds(packet, mtu);
        _frames.Release(packet);
        return exceeds;
    }

    private Packet Load(byte[] frame)
    {
        Assert.True(_frames.TryRent(frame.Length, out Packet packet));
        packet.Length = frame.Length;
        frame.CopyTo(packet.Bytes);
        return packet;
    }

    private List<byte[]> Cut(byte[] frame, int mtu)
    {
        Packet packet = Load(frame);
        List<byte[]> fragments = [];
        Assert.True(Fragmenter.TryBegin(packet, _frames, mtu, out Fragmenter fragmenter));
        int expected = fragmenter.Remaining;
        while (fragmenter.TryNext(out Packet fragment))
        {
            fragments.Add(fragment.Bytes.ToArray());
            _frames.Release(fragment);
        }
        Assert.Equal((expected, 0), (fragments.Count, fragmenter.Remaining));
        _frames.Release(packet);
        return fragments;
    }
}
