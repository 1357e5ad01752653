using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Fragments;

/// <summary>Reassembly against the textbook, on memory that ends where it says, and without allocating.</summary>
public sealed unsafe class ReassemblerTests
{
    private static readonly DropReason[] Reasons =
        [DropReason.FragmentRefused, DropReason.FragmentDuplicate, DropReason.ReassemblyTimeout, DropReason.ReassemblyFull];

    [Theory]
    [InlineData(1, 8, 0)]
    [InlineData(2, 8, 10)]
    [InlineData(3, 3, 5)]
    [InlineData(4, 1, 20)]
    [InlineData(5, 16, 40)]
    [InlineData(6, 4, 3)]
    public void Agrees_with_the_textbook_over_random_cuts_orders_losses_and_lies(int seed, int capacity, int liesPercent)
    {
        const long timeout = 1000;
        using Bench bench = new(capacity, (uint)timeout);
        ReferenceReassembler reference = new(capacity, timeout);
        RandomFragments source = new(seed, liesPercent);
        int completed = 0;
        uint now = uint.MaxValue - 50_000; // the worker's clock wraps within the run
        long referenceNow = 0;
        for (int step = 0; step < 40_000; step++)
        {
            int milliseconds = source.Next(4);
            now += (uint)milliseconds;
            referenceNow += milliseconds;
            byte[] fragment = source.NextFragment();
            byte[]? expected = reference.Accept(fragment, referenceNow);
            byte[]? actual = bench.Accept(fragment, now);
            Assert.True(expected.AsSpan().SequenceEqual(actual), $"seed {seed}, step {step}: {expected?.Length} bytes expected, {actual?.Length} came");
            completed += actual == null ? 0 : 1;
            Assert.True(reference.Held == bench.Reassembler.HeldFrameCount, $"seed {seed}, step {step}: frames held");
        }
        foreach (DropReason reason in Reasons)
        {
            Assert.True((ulong)reference.Drops.GetValueOrDefault(reason) == bench.Account.ReadDrops(reason), $"seed {seed}: {reason}");
        }
        Assert.InRange(completed, capacity == 1 ? 20 : 200, 40_000);
    }

    [Fact]
    public void The_longest_packet_is_made_and_one_byte_more_is_not()
    {
        byte[] frame = TestPacket.Ipv4(17, new byte[65515]);
        using Bench bench = new();
        byte[]? made = null;
        foreach (byte[] fragment in Ipv4Fragments.CutAll(frame, 1480))
        {
            made = bench.Accept(fragment, 0);
        }
        Assert.Equal(frame, made);

        byte[] tooFar = Ipv4Fragments.Write(TestPacket.Ipv4(17, new byte[24]), 65496, more: false); // "ping of death": 65540 bytes
        Assert.Null(bench.Accept(tooFar, 0));
        Assert.Equal(1, (long)bench.Account.ReadDrops(DropReason.FragmentRefused));
        Assert.Equal(0, bench.Reassembler.Count);
    }

    [Fact]
    public void Options_of_the_first_fragment_that_make_the_whole_too_long_are_noticed()
    {
        using Bench bench = new();
        byte[] first = Ipv4Fragments.Write(TestPacket.Ipv4(17, new byte[65480], options: 8), 0, more: true); // 65508 bytes: fits
        byte[] last = Ipv4Fragments.Write(TestPacket.Ipv4(17, new byte[35]), 65480, more: false);           // 65535 by its own header
        Assert.Null(bench.Accept(last, 0));
        Assert.Null(bench.Accept(first, 0));
        Assert.Equal(2, (long)bench.Account.ReadDrops(DropReason.FragmentRefused));
    }

    [Theory]
    [InlineData("ingress port")]
    [InlineData("link source")]
    [InlineData("source")]
    [InlineData("destination")]
    [InlineData("protocol")]
    [InlineData("identification")]
    public void Fragments_that_differ_in_what_names_a_datagram_are_kept_apart(string what)
    {
        byte[] whole = TestPacket.Udp(payload: 120);
        byte[] first = Ipv4Fragments.Cut(whole, 0, 64, more: true);
        byte[] last = Ipv4Fragments.Cut(whole, 64, 64, more: false);
        using Bench bench = new();
        (int at, byte change) = what switch
        {
            "link source" => (11, (byte)1),
            "source" => (14 + 15, (byte)1),
            "destination" => (14 + 19, (byte)1),
            "protocol" => (14 + 9, (byte)1),
            "identification" => (14 + 4, (byte)1),
            _ => (0, (byte)0),
        };
        last[at] ^= change;
        Ipv4Fragments.WriteChecksum(last);
        Assert.Null(bench.Accept(first, 0, inPort: 1));
        Assert.Null(bench.Accept(last, 0, inPort: what == "ingress port" ? (ushort)2 : (ushort)1));
        Assert.Equal(2, bench.Reassembler.Count);
    }

    [Fact]
    public void A_fragment_that_owes_a_checksum_is_refused()
    {
        using Bench bench = new();
        Assert.Null(bench.Accept(Ipv4Fragments.Cut(TestPacket.Udp(payload: 120), 0, 64, more: true), 0, flags: PacketFlags.NeedsChecksum));
        Assert.Equal(0, bench.Reassembler.Count);
        Assert.Equal(1, (long)bench.Account.ReadDrops(DropReason.FragmentRefused));
    }

    [Fact]
    public void Without_a_free_large_frame_the_fragment_is_a_counted_drop()
    {
        using Bench bench = new(capacity: 8, largeFrames: 1);
        byte[] whole = TestPacket.Udp(payload: 120);
        bench.Accept(Ipv4Fragments.Cut(whole, 0, 64, more: true, identification: 1), 0);
        bench.Accept(Ipv4Fragments.Cut(whole, 0, 64, more: true, identification: 2), 0);
        Assert.Equal(1, (long)bench.Account.ReadDrops(DropReason.NoFrame));
        Assert.Equal(1, bench.Reassembler.Count);
    }

    [Fact]
    public void Payloads_are_placed_within_64_KiB_of_their_start_whatever_the_fragments_say()
    {
        const int seed = 99;
        Random random = new(seed);
        using GuardedMemory memory = new(PartialDatagram.HeaderRoom + 65536);
        byte* end = memory.PlaceAtEnd([]);
        PartialDatagram partial = default;
        for (int i = 0; i < 20_000; i++)
        {
            if (i % 50 == 0)
            {
                partial.Begin(default, null, new Packet(end - 65535 - PartialDatagram.HeaderRoom, 0), 0);
            }
            byte[] fragment = RandomIpv4(random);
            if (FragmentHeader.TryRead(fragment, 14, out FragmentHeader header) && header.End <= 65535)
            {
                partial.Place(fragment, header);
            }
        }
    }

    [Fact]
    public void Headers_are_read_and_packets_cut_without_a_look_beyond_their_end()
    {
        const int seed = 7;
        Random random = new(seed);
        using GuardedMemory memory = new(4096);
        FramePool pool = new(64);
        FrameCache frames = pool.CreateCache();
        for (int i = 0; i < 50_000; i++)
        {
            byte[] packet = RandomIpv4(random);
            int length = random.Next(packet.Length + 1);
            byte* data = memory.PlaceAtEnd(packet.AsSpan(0, length));
            if (length >= 14)
            {
                _ = FragmentHeader.TryRead(new ReadOnlySpan<byte>(data, length), 14, out _);
            }
            Packet handle = new(data, length);
            _ = Fragmenter.Exceeds(handle, random.Next(1, 200));
            if (Fragmenter.TryBegin(handle, frames, random.Next(200), out Fragmenter fragmenter))
            {
                for (int n = 0; n < 200 && fragmenter.TryNext(out Packet fragment); n++)
                {
                    frames.Release(fragment);
                }
                Assert.Equal(0, fragmenter.Remaining);
            }
        }
        frames.Drain();
        Assert.Equal(64, pool.FreeCount);
        pool.Dispose();
    }

    [Fact]
    public void Reassembling_and_cutting_again_allocate_nothing()
    {
        byte[] whole = TestPacket.Udp(payload: 4000);
        List<byte[]> fragments = Ipv4Fragments.CutAll(whole, 1480);
        using Bench bench = new();
        uint now = 0;
        void Step()
        {
            foreach (byte[] fragment in fragments)
            {
                if (bench.TryAccept(fragment, now, 1, PacketFlags.None, out Packet made))
                {
                    Fragmenter.TryBegin(made, bench.Frames, 600, out Fragmenter fragmenter);
                    while (fragmenter.TryNext(out Packet part))
                    {
                        bench.Frames.Release(part);
                    }
                    bench.Frames.Release(made);
                }
            }
            bench.Reassembler.Expire(now);
        }
        Assert.Equal(0, Allocations.OfOneRound(() =>
        {
            for (int i = 0; i < 5000; i++, now++)
            {
                Step();
            }
        }));
    }

    private static byte[] RandomIpv4(Random random)
    {
        byte[] frame = new byte[14 + 20 + random.Next(120)];
        random.NextBytes(frame);
        (frame[12], frame[13]) = (8, 0);
        frame[14] = (byte)(random.Next(8) == 0 ? random.Next(256) : 0x40 | random.Next(5, 9));
        int total = random.Next(8) == 0 ? random.Next(65536) : frame.Length - 14;
        (frame[16], frame[17]) = ((byte)(total >> 8), (byte)total);
        frame[20] &= random.Next(4) == 0 ? (byte)0xff : (byte)0x3f;
        int header = (frame[14] & 15) * 4;
        return header >= 20 && header <= frame.Length - 14 && random.Next(8) != 0 ? Ipv4Fragments.WriteChecksum(frame) : frame;
    }

    /// <summary>A reassembler with frames of its own, fed with bytes.</summary>
    private sealed class Bench : IDisposable
    {
        private readonly FramePool _pool;
        private readonly NativeArray<PacketAccount> _account = new(1);

        public Bench(int capacity = 8, uint timeout = 30_000, int? largeFrames = null)
        {
            _pool = new FramePool(256, largeFrameCount: largeFrames ?? capacity + 2);
            Frames = _pool.CreateCache();
            Reassembler = new Reassembler(capacity, timeout, FlowHash.Create(5, 6, 7, 8), Frames);
        }

        public FrameCache Frames { get; }

        public PacketAccount Account => *_account.Start;

        public Reassembler Reassembler { get; }

        public byte[]? Accept(byte[] fragment, uint now, ushort inPort = 1, PacketFlags flags = PacketFlags.None)
        {
            if (!TryAccept(fragment, now, inPort, flags, out Packet made))
            {
                return null;
            }
            byte[] bytes = made.Bytes.ToArray();
            Frames.Release(made);
            return bytes;
        }

        public bool TryAccept(byte[] fragment, uint now, ushort inPort, PacketFlags flags, out Packet made)
        {
            if (!Frames.TryRent(fragment.Length, out Packet packet)) // no asserts here: they allocate
            {
                throw new InvalidOperationException("the pool is empty");
            }
            packet.Length = fragment.Length;
            packet.Flags = flags;
            fragment.CopyTo(packet.Bytes);
            FlowKey key;
            HeaderOffsets layout;
            FlowKeyParser.Parse(packet.Data, packet.Length, inPort, &key, &layout);
            Reassembler.Expire(now);
            return Reassembler.TryComplete(packet, key, 14, _account.Start, now, out made);
        }

        /// <summary>And no frame is lost.</summary>
        public void Dispose()
        {
            Reassembler.Clear();
            Frames.Drain();
            Assert.Equal((_pool.FrameCount, _pool.LargeFrameCount), (_pool.FreeCount, _pool.FreeLargeCount));
            Reassembler.Dispose();
            _pool.Dispose();
        }
    }
}
