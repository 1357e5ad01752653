using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Ports.VhostUser;
using Softswitch.Testing;
using static Softswitch.Ports.VhostUser.VhostUserRequest;

namespace Softswitch.Ports.Tests.VhostUser;

public sealed class VhostUserSessionTests : IDisposable
{
    private const ulong Modern = VirtioFeatures.VIRTIO_F_VERSION_1 | VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF | VirtioFeatures.VHOST_USER_F_PROTOCOL_FEATURES;

    private readonly GuestRam _memory = new((0x1000_0000, 1 << 20), (0x8000_0000, 1 << 20));
    private readonly GuestRings _rings = new(2);
    private readonly VhostFrontEnd _guest;
    private readonly VhostUserSession _session;

    public VhostUserSessionTests()
    {
        (DescriptorSocket front, DescriptorSocket back) = VhostFrontEnd.Pair();
        _guest = new VhostFrontEnd(front, _memory);
        _session = new VhostUserSession(back, _rings);
    }

    public static TheoryData<string, byte[], int, string> Lies => new()
    {
        { "another version", [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], 0, "a message of version 2, not 1" },
        { "a reply", VhostFrontEnd.Bytes(VHOST_USER_GET_FEATURES, [], VhostUserHeader.IsReply), 0, "message 1: a reply that nobody asked for" },
        { "an endless one", [1, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], 0, "message 1: 4294967295 bytes of payload, more than any has" },
        { "an unknown one", VhostFrontEnd.Bytes((VhostUserRequest)99, new byte[8]), 0, "message 99 is not known" },
        { "short", Of(VHOST_USER_SET_FEATURES, [1]), 0, "VHOST_USER_SET_FEATURES: 1 bytes of payload, not 8" },
        { "long", Of(VHOST_USER_GET_FEATURES, new byte[8]), 0, "VHOST_USER_GET_FEATURES: 8 bytes of payload, not 0" },
        { "descriptors", Of(VHOST_USER_GET_FEATURES, []), 2, "VHOST_USER_GET_FEATURES: 2 descriptors, not 0" },
        { "many descriptors", Of(VHOST_USER_SET_MEM_TABLE, new byte[8]), 250, "250 descriptors, more than any message has" },
        { "unoffered", Of(VHOST_USER_SET_FEATURES, [0, 0, 0, 0, 0, 0, 0, 0x80]), 0, "VHOST_USER_SET_FEATURES: features 0x8000000000000000 were not offered" },
        { "no such ring", Of(VHOST_USER_SET_VRING_NUM, [4, 0, 0, 0, 8, 0, 0, 0]), 0, "VHOST_USER_SET_VRING_NUM: there is no ring 4; the port has 4" },
        { "odd size", Of(VHOST_USER_SET_VRING_NUM, [0, 0, 0, 0, 9, 0, 0, 0]), 0, "VHOST_USER_SET_VRING_NUM: ring 0: a size of 9 is no power of two up to 32768" },
        { "not a switch", Of(VHOST_USER_SET_VRING_ENABLE, [0, 0, 0, 0, 2, 0, 0, 0]), 0, "VHOST_USER_SET_VRING_ENABLE: 2 is neither 0 nor 1" },
        { "no kick", Of(VHOST_USER_SET_VRING_KICK, new byte[8]), 0, "VHOST_USER_SET_VRING_KICK: 0 descriptors, not 1" },
        { "a kick by a file", Of(VHOST_USER_SET_VRING_KICK, new byte[8]), 1, "VHOST_USER_SET_VRING_KICK: its descriptor is no eventfd" },
        { "a call by a file", Of(VHOST_USER_SET_VRING_CALL, new byte[8]), 1, "VHOST_USER_SET_VRING_CALL: its descriptor is no eventfd" },
        { "two kicks", Of(VHOST_USER_SET_VRING_KICK, new byte[8]), 2, "VHOST_USER_SET_VRING_KICK: 2 descriptors, not 1" },
        { "regions of nothing", Of(VHOST_USER_SET_MEM_TABLE, [2, 0, 0, 0, 0, 0, 0, 0]), 2, "VHOST_USER_SET_MEM_TABLE: 2 regions in 8 bytes" },
        { "too many regions", Of(VHOST_USER_SET_MEM_TABLE, [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]), 0, "VHOST_USER_SET_MEM_TABLE: 4294967295 regions in 8 bytes" },
        { "a region without its file", Of(VHOST_USER_SET_MEM_TABLE, [1, .. new byte[39]]), 0, "VHOST_USER_SET_MEM_TABLE: 0 descriptors, not 1" },
        { "a log of nothing", Of(VHOST_USER_SET_LOG_BASE, new byte[16]), 0, "VHOST_USER_SET_LOG_BASE: a descriptor is missing" },
    };

    public void Dispose()
    {
        _session.Dispose();
        _guest.Dispose();
        _rings.Dispose();
        _memory.Dispose();
    }

    [Fact]
    public void What_is_asked_for_is_answered()
    {
        Assert.Equal(VhostUserSession.OfferedFeatures, Ask<ulong>(VHOST_USER_GET_FEATURES));
        Assert.Equal(VhostUserProtocol.Offered, Ask<ulong>(VHOST_USER_GET_PROTOCOL_FEATURES));
        Assert.Equal(2ul, Ask<ulong>(VHOST_USER_GET_QUEUE_NUM));
        Assert.Equal((ulong)GuestMemory.MaxRegions, Ask<ulong>(VHOST_USER_GET_MAX_MEM_SLOTS));
        _guest.Send(VHOST_USER_SET_STATUS, 15ul);
        Assert.Equal(15ul, Ask<ulong>(VHOST_USER_GET_STATUS));
        _guest.Send(VHOST_USER_SET_VRING_BASE, new RingStateMessage(3, 77));
        _guest.Send(VHOST_USER_GET_VRING_BASE, new RingStateMessage(3, 0));
        Handle();
        Assert.Equal(new RingStateMessage(3, 77), _guest.Receive<RingStateMessage>(VHOST_USER_GET_VRING_BASE));
    }

    [Fact]
    public void A_message_may_come_byte_by_byte()
    {
        foreach (byte part in VhostFrontEnd.Bytes(VHOST_USER_SET_STATUS, [7, 0, 0, 0, 0, 0, 0, 0]))
        {
            Assert.Equal(0, Handle());
            _guest.SendRaw([part]);
        }
        Assert.Equal(1, Handle());
        Assert.Equal(7ul, Ask<ulong>(VHOST_USER_GET_STATUS));
    }

    [Theory]
    [MemberData(nameof(Lies))]
    public void What_cannot_be_meant_ends_the_session_with_the_reason(string what, byte[] message, int descriptors, string reason)
    {
        Assert.NotEmpty(what);
        int[] sent = new int[descriptors];
        Array.Fill(sent, _memory.FileOf(0));
        _guest.SendRaw(message, sent);
        Assert.Equal(reason, Assert.Throws<InvalidDataException>(() => Handle()).Message);
        AssertNothingKept();
    }

    [Fact]
    public void A_front_end_that_hung_up_is_told_from_one_that_did_so_in_the_middle()
    {
        _guest.SendRaw([1, 0, 0]);
        _guest.Dispose();
        Assert.Equal("the front-end hung up in the middle of a message", Assert.Throws<EndOfStreamException>(() => Handle()).Message);
    }

    [Fact]
    public void A_front_end_that_reads_no_replies_is_ended_and_nobody_waits_for_it()
    {
        string? reason = null;
        for (int i = 0; i < 100_000 && reason == null; i++)
        {
            _guest.Send(VHOST_USER_GET_FEATURES);
            reason = Record.Exception(() => Handle())?.Message;
        }
        Assert.Equal("the front-end reads none of its replies", reason);
    }

    [Fact]
    public void Who_wants_a_word_gets_one()
    {
        Pump(() => _guest.Negotiate(Modern));
        Pump(() => Assert.Equal(0ul, _guest.Try(VHOST_USER_NET_SET_MTU, 1400ul)));
        Assert.Equal(1400, _session.Mtu);
        Pump(() => Assert.Equal(1ul, _guest.Try(VHOST_USER_NET_SET_MTU, 67ul)));
        Assert.Equal(1400, _session.Mtu);
        Pump(() => Assert.Equal(1ul, _guest.Try((VhostUserRequest)99, 0ul))); // unknown ones too: the session goes on
        _guest.SendRaw(VhostFrontEnd.Bytes(VHOST_USER_SET_VRING_NUM, [9, 0, 0, 0, 1, 0, 0, 0], VhostUserHeader.NeedsReply));
        Assert.Throws<InvalidDataException>(() => Handle());
        Assert.Equal(1ul, _guest.Receive<ulong>(VHOST_USER_SET_VRING_NUM)); // before it ends
    }

    [Fact]
    public void Regions_are_mapped_one_by_one_or_all_at_once_and_nothing_of_them_is_kept()
    {
        Pump(() => _guest.Negotiate(Modern));
        Pump(() => Assert.Equal(0ul, _guest.AddRegion(1)));
        Pump(() => Assert.Equal(0ul, _guest.AddRegion(0)));
        Assert.Equal(2, _rings.Memory.Count);
        Pump(() => Assert.Equal(0ul, _guest.RemoveRegion(1)));
        Assert.Equal(1, _rings.Memory.Count);
        Pump(_guest.ShareMemory);
        Assert.Equal(2, _rings.Memory.Count);
        Assert.Equal(2, OpenFiles.CountMappings(_memory.FileOf(1))); // the guest's own and ours
        AssertNothingKept();
    }

    /// <summary>QEMU before 8.0 adds and removes each once for every queue pair.</summary>
    [Fact]
    public void A_region_that_is_named_again_is_mapped_once_and_removed_once()
    {
        Pump(() => _guest.Negotiate(Modern));
        Pump(() => Assert.Equal((0ul, 0ul), (_guest.AddRegion(0), _guest.AddRegion(0))));
        Assert.Equal(1, _rings.Memory.Count);
        Pump(() => Assert.Equal((0ul, 0ul), (_guest.RemoveRegion(0), _guest.RemoveRegion(0))));
        Assert.Equal(0, _rings.Memory.Count);
        AssertNothingKept();
    }

    [Fact]
    public void Regions_that_overlap_are_refused_and_nothing_of_them_is_kept()
    {
        Pump(() => _guest.Negotiate(Modern));
        Pump(() => _guest.AddRegion(0));
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => Pump(() => Assert.Equal(1ul, _guest.AddRegion(0, shift: 0x1000))));
        Assert.Equal("VHOST_USER_ADD_MEM_REG: memory regions at 0x10001000 and 0x10000000 overlap", refusal.Message);
        AssertNothingKept();
    }

    [Fact]
    public void A_pair_is_up_while_its_rings_are_started_and_enabled()
    {
        GuestNic nic = Introduce();
        Assert.False(_session.IsUp);
        Pump(() => _guest.Start(nic));
        Assert.True(_session.IsUp);
        Pump(() => _guest.Enable(0, false));
        Assert.False(_session.IsUp);
        Pump(() => _guest.Enable(0, true));
        Assert.True(_session.IsUp);
        Pump(() => Assert.Equal((0u, 0u), _guest.Stop()));
        Assert.False(_session.IsUp);
    }

    [Fact]
    public void A_full_eventfd_that_the_front_end_made_to_block_keeps_nobody_waiting()
    {
        GuestNic nic = Introduce();
        int call = Libc.eventfd(0, Libc.EFD_CLOEXEC);
        Fill(call);
        Pump(() => _guest.Start(nic, call: call));
        Assert.True(nic.TrySend(TestPacket.Udp(src: 1, dst: 2)));
        using FramePool pool = new(64);
        FrameCache frames = pool.CreateCache();
        PacketBatch batch = new();
        Assert.Equal(1, _rings.Queues[0].Receive(batch, frames)); // signals
        frames.Release(batch.Packets);
        frames.Drain();
        _ = Libc.close(call);
    }

    [Fact]
    public void Rings_begin_enabled_for_a_front_end_that_does_not_know_how_to_enable_them()
    {
        const ulong old = VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF;
        GuestNic nic = new(_memory, 16, old);
        Pump(() => _guest.Send(VHOST_USER_SET_FEATURES, old));
        Pump(_guest.ShareMemory);
        Pump(() => _guest.Start(nic));
        Pump(() => _guest.Stop());
        Assert.False(_session.IsUp);
        Pump(() => _guest.Start(nic));
        Assert.True(_session.IsUp);
    }

    [Fact]
    public void A_device_that_is_reset_keeps_its_memory_and_no_ring()
    {
        GuestNic nic = Introduce();
        foreach (VhostUserRequest reset in (ReadOnlySpan<VhostUserRequest>)[VHOST_USER_RESET_OWNER, VHOST_USER_RESET_DEVICE])
        {
            Pump(() => _guest.Send(VHOST_USER_SET_FEATURES, Modern));
            Pump(() => _guest.Start(nic));
            Assert.True(_session.IsUp);
            Pump(() => _guest.Send(reset));
            Assert.False(_session.IsUp);
            Assert.Equal(2, _rings.Memory.Count);
        }
        Pump(() => _guest.Send(VHOST_USER_SET_FEATURES, Modern));
        Pump(() => _guest.Start(nic));
        Pump(() => _guest.Send(VHOST_USER_SET_STATUS, 0ul));
        Assert.False(_session.IsUp);
    }

    [Fact]
    public void Of_the_features_only_the_log_changes_while_rings_are_used()
    {
        GuestNic nic = Introduce();
        Pump(() => _guest.Start(nic));
        using GuestRam log = new((0, 1 << 20));
        Pump(() => Assert.Equal(0ul, _guest.Ask<LogMessage, ulong>(VHOST_USER_SET_LOG_BASE, new LogMessage(1 << 20, 0), log.FileOf(0))));
        Pump(() => _guest.Send(VHOST_USER_SET_FEATURES, Modern | VirtioFeatures.VHOST_F_LOG_ALL));
        Assert.True(_session.IsUp);
        Pump(() => _guest.Send(VHOST_USER_SET_FEATURES, Modern));
        Assert.True(_session.IsUp);
        Assert.Equal(
            "VHOST_USER_SET_FEATURES: features change while rings are used",
            Assert.Throws<InvalidDataException>(() => Pump(() => _guest.Send(VHOST_USER_SET_FEATURES, 0ul))).Message);
        _session.Dispose();
        Assert.Equal(1, OpenFiles.CountDescriptors(log.FileOf(0)));
        AssertNothingKept();
    }

    /// <summary>A guest that has told its features and its memory.</summary>
    private GuestNic Introduce()
    {
        Pump(() => _guest.Negotiate(Modern));
        Pump(_guest.ShareMemory);
        return new GuestNic(_memory, 16, Modern);
    }

    private static byte[] Of(VhostUserRequest request, ReadOnlySpan<byte> payload) => VhostFrontEnd.Bytes(request, payload);

    private void AssertNothingKept()
    {
        _session.Dispose();
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(1, OpenFiles.CountDescriptors(_memory.FileOf(i)));
            Assert.Equal(1, OpenFiles.CountMappings(_memory.FileOf(i)));
        }
    }

    private static unsafe void Fill(int descriptor)
    {
        ulong most = ulong.MaxValue - 1; // eventfd(2)
        Assert.Equal(sizeof(ulong), Libc.write(descriptor, &most, sizeof(ulong)));
    }

    private int Handle() => _session.Handle(int.MaxValue);

    /// <summary>Has the session handle what the front-end sends, on another thread, as it waits for answers.</summary>
    private void Pump(Action sends)
    {
        Task front = Task.Run(sends, TestContext.Current.CancellationToken);
        Exception? failure = null;
        Eventually.True(
            () =>
            {
                bool isOver = front.IsCompleted; // first: what it sent is there then
                failure ??= Record.Exception(() => Handle());
                return isOver;
            },
            "the front-end is answered");
        if (failure != null)
        {
            throw failure;
        }
        front.GetAwaiter().GetResult();
    }

    private T Ask<T>(VhostUserRequest request)
        where T : unmanaged
    {
        _guest.Send(request);
        Handle();
        return _guest.Receive<T>(request);
    }
}
