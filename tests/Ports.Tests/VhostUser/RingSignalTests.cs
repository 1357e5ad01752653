using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using Softswitch.Ports.VhostUser;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.VhostUser;

/// <summary>Who wakes whom, and only when needed: kicks of a guest, signals to it, and a worker's sleep.</summary>
public sealed class RingSignalTests : IDisposable
{
    private const ulong EventIndex = VirtioFeatures.VIRTIO_F_VERSION_1 | VirtioFeatures.VIRTIO_F_RING_EVENT_IDX;
    private readonly int _kick = Event();
    private readonly int _call = Event();

    public void Dispose()
    {
        _ = Libc.close(_kick);
        _ = Libc.close(_call);
    }

    public static TheoryData<ulong> Ways => [RingHarness.Modern, EventIndex];

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_guest_kicks_only_a_worker_that_sleeps(ulong features)
    {
        using RingHarness harness = Open(features);
        GuestRing ring = harness.Guest.Sending;
        for (int round = 0; round < 3; round++)
        {
            Assert.True(harness.Queue.Arm());
            Assert.False(RingHarness.IsReadable(harness.Queue.PollDescriptor));
            Assert.True(harness.TryOffer(TestPacket.Udp()));
            Assert.True(ring.MustKick());
            Kick();
            Assert.True(RingHarness.IsReadable(harness.Queue.PollDescriptor));
            harness.ReceiveFrames(1);
            for (int i = 0; i < 300; i++)
            {
                Assert.True(harness.TryOffer(TestPacket.Udp()));
                Assert.False(ring.MustKick(), $"packet {i} while the worker polls");
                harness.ReceiveFrames(1);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_worker_does_not_fall_asleep_on_packets_that_wait(ulong features)
    {
        using RingHarness harness = Open(features);
        Assert.True(harness.TryOffer(TestPacket.Udp()));
        Assert.False(harness.Queue.Arm());
        harness.ReceiveFrames(1);
        Assert.True(harness.Queue.Arm());
    }

    [Fact]
    public void A_ring_that_is_set_up_again_wakes_its_worker()
    {
        using RingHarness harness = Open(EventIndex);
        Assert.True(harness.Queue.Arm());
        ushort next = harness.FromGuest.Stop();
        Assert.True(RingHarness.IsReadable(harness.Queue.PollDescriptor));
        Assert.True(harness.Queue.Arm());
        Assert.False(RingHarness.IsReadable(harness.Queue.PollDescriptor));
        Assert.True(harness.TryOffer(TestPacket.Udp()));
        harness.FromGuest.SetBase(next);
        harness.FromGuest.SetKick(GuestRam.Duplicate(_kick));
        Assert.True(RingHarness.IsReadable(harness.Queue.PollDescriptor));
        Assert.False(harness.Queue.Arm());
        harness.ReceiveFrames(1);
    }

    [Fact]
    public void A_guest_is_signalled_once_a_burst_unless_it_polls()
    {
        using RingHarness harness = Open(RingHarness.Modern);
        for (int i = 0; i < 5; i++)
        {
            Assert.True(harness.TryOffer(TestPacket.Udp()));
        }
        harness.ReceiveFrames(5);
        Assert.Equal(1, Signals());
        harness.Guest.Sending.AvailableFlags = RingLayout.VIRTQ_AVAIL_F_NO_INTERRUPT;
        Assert.True(harness.TryOffer(TestPacket.Udp()));
        harness.ReceiveFrames(1);
        Assert.Equal(0, Signals());
        harness.Send(TestPacket.Udp());
        Assert.Equal(1, Signals());
    }

    [Fact]
    public void With_the_event_index_a_guest_is_signalled_when_that_entry_is_used_around_the_wrap_too()
    {
        using RingHarness harness = Open(EventIndex, startAt: 65400);
        GuestRing ring = harness.Guest.Receiving;
        harness.Send(TestPacket.Udp()); // the first of all
        Assert.Equal(1, Signals());
        Assert.NotNull(harness.NextSent());
        ushort used = 65401;
        for (int i = 0; i < 300; i++)
        {
            ring.UsedEvent = (ushort)(used + 2);
            harness.Send(TestPacket.Udp());
            harness.Send(TestPacket.Udp());
            Assert.Equal(0, Signals());
            harness.Send(TestPacket.Udp());
            Assert.Equal(1, Signals());
            harness.Send(TestPacket.Udp());
            Assert.Equal(0, Signals());
            used += 4;
            for (int k = 0; k < 4; k++)
            {
                Assert.NotNull(harness.NextSent());
            }
        }
    }

    [Fact]
    public void A_worker_that_finds_the_ring_held_has_no_packets_and_waits_for_nobody()
    {
        using RingHarness harness = Open(RingHarness.Modern);
        Assert.True(harness.TryOffer(TestPacket.Udp()));
        harness.FromGuest.Hold();
        harness.ToGuest.Hold();
        harness.ReceiveWhatIsThere();
        Assert.True(harness.Queue.Arm());
        Packet packet = harness.Frames.Rent(new byte[60]);
        Assert.Equal(0, harness.Queue.Transmit(new ReadOnlySpan<Packet>(in packet), harness.Frames));
        harness.FromGuest.LetGo();
        harness.ToGuest.LetGo();
        Assert.Equal(1, harness.Queue.Transmit(new ReadOnlySpan<Packet>(in packet), harness.Frames));
        harness.ReceiveFrames(1);
    }

    private RingHarness Open(ulong features, ushort startAt = 0)
    {
        RingHarness harness = new(features, startAt: startAt);
        foreach (VirtQueue ring in harness.Rings.Rings)
        {
            ring.SetKick(GuestRam.Duplicate(_kick));
            ring.SetCall(GuestRam.Duplicate(_call));
        }
        _ = Signals();
        return harness;
    }

    private static int Event() => Libc.eventfd(0, Libc.EFD_NONBLOCK | Libc.EFD_CLOEXEC);

    private unsafe void Kick()
    {
        ulong one = 1;
        Assert.Equal(sizeof(ulong), Libc.write(_kick, &one, sizeof(ulong)));
    }

    private unsafe int Signals()
    {
        ulong count;
        return Libc.read(_call, &count, sizeof(ulong)) > 0 ? (int)count : 0;
    }
}
