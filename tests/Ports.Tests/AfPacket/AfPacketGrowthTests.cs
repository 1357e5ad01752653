using System.Buffers.Binary;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfPacket;

/// <summary>Rings begin small and are replaced by larger ones while packets come and go.</summary>
[Trait("Ring", "peers")]
public sealed class AfPacketGrowthTests : VethTests
{
    private const int NumberAt = 14;

    private readonly PacketBatch _batch = new();
    private readonly List<AfPacketPort> _ports = [];

    public AfPacketGrowthTests()
        : base(() => Needs.Namespaces()) => Assert.SkipUnless(ReceiveGroup.IsSupported, "before Linux 6.2 rings do not grow");

    protected override void Dispose(bool disposing)
    {
        _ports.ForEach(port => port.Dispose());
        base.Dispose(disposing);
    }

    private AfPacketPort Open()
    {
        AfPacketOptions options = new() { TimeProvider = new TestTime() }; // however slow the machine is, packets are many
        _ports.Add(Space.Run(() => AfPacketPort.Open("near", "near", options)));
        return _ports[^1];
    }

    [Fact]
    public void A_port_begins_with_little_memory()
    {
        Assert.Contains("rings of 2048 and 0 slots (512 KiB, more by need), ", Open().Backend, StringComparison.Ordinal);
    }

    [Fact]
    public void A_burst_of_two_thousand_full_frames_finds_room_at_once()
    {
        AfPacketPort near = Open();
        using var flood = new Flood(Space, i => 1514 - i % 3);
        flood.Send(2000);
        Receive(near, flood.Check, until: () => flood.Received == 2000);
        Assert.Equal(0, near.ReadCounters().ReceiveDropped);
    }

    [Theory]
    [InlineData(60, 60)]
    [InlineData(60, 1514)]
    [InlineData(1514, 1514)]
    public void While_a_receiving_ring_grows_each_packet_comes_once_and_in_order_or_is_counted(int shortest, int longest)
    {
        AfPacketPort near = Open();
        using var flood = new Flood(Space, i => shortest + (i * 7919 % (longest - shortest + 1)));
        flood.Send(1500); // more than half of the ring
        flood.Begin();
        Receive(near, flood.Check, until: () => near.Backend.Contains("rings of 4096 ", StringComparison.Ordinal));
        long then = flood.Received;
        Receive(near, flood.Check, until: () => flood.Received > then + 10_000);
        flood.End();
        Receive(near, flood.Check, until: () => flood.Received + near.ReadCounters().ReceiveDropped == flood.Sent);
        Assert.Equal(0, near.ReadCounters().ReceiveErrors);
        Receive(near, _ => Assert.Fail("more came than was sent"), until: near.Queues[0].Arm);
    }

    [Fact]
    public void Many_packets_that_have_to_be_fetched_one_by_one_ask_for_longer_slots()
    {
        AfPacketPort near = Open();
        using var flood = new Flood(Space, _ => 1514);
        flood.Begin(underWay: 100);
        Receive(near, flood.Check, until: () => near.Backend.Contains("(8192 KiB", StringComparison.Ordinal));
        flood.End();
        Receive(near, flood.Check, until: () => flood.Received + near.ReadCounters().ReceiveDropped == flood.Sent);
    }

    [Fact]
    public void While_a_transmitting_ring_grows_each_packet_leaves_once_and_in_order()
    {
        AfPacketPort near = Open();
        using RawSocket far = OpenRaw();
        byte[] frame = new byte[200];
        long sent = 0;
        long received = 0;
        Packet[] packets = new Packet[32];
        Eventually.True(
            () =>
            {
                for (int round = 0; round < 100; round++)
                {
                    for (int i = 0; i < packets.Length; i++)
                    {
                        BinaryPrimitives.WriteInt64BigEndian(frame.AsSpan(NumberAt), sent + i);
                        packets[i] = Frames.Rent(frame);
                    }
                    int taken = near.Queues[0].Transmit(packets, Frames);
                    Frames.Release(packets.AsSpan(taken));
                    sent += taken;
                    while (far.Receive() is { } came)
                    {
                        Assert.Equal(received, BinaryPrimitives.ReadInt64BigEndian(came.AsSpan(NumberAt)));
                        received++;
                    }
                }
                return near.Backend.Contains("and 512 slots", StringComparison.Ordinal) && received == sent;
            },
            () => $"{near.Backend}; {received} of {sent}");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_port_that_is_handed_over_between_two_rings_loses_nothing(bool isOffered)
    {
        AfPacketPort near = Open();
        using var flood = new Flood(Space, i => 60 + (i % 400));
        flood.Send(1500);
        Receive(near, flood.Check, until: () => flood.Received >= 200);
        // The worker has yet to empty the old ring, and packets may come to either.
        Eventually.True(() => near.Backend.Contains("rings of 4096 ", StringComparison.Ordinal), () => near.Backend);
        flood.Send(100);
        DeviceOffer offer = near.Offer().Sent();
        flood.Send(100);
        if (isOffered)
        {
            Receive(near, flood.Check, until: () => flood.Received == flood.Sent && near.Queues[0].Arm()); // the worker has moved on meanwhile
        }
        near = HandOver(near, offer);
        flood.Send(100);
        Receive(near, flood.Check, until: () => flood.Received == flood.Sent && near.Queues[0].Arm());
        near = HandOver(near, near.Offer().Sent());
        flood.Send(4096);
        Receive(near, flood.Check, until: () => flood.Received == flood.Sent);
        Assert.Equal(0, near.ReadCounters().ReceiveDropped);
    }

    private AfPacketPort HandOver(AfPacketPort giver, DeviceOffer offer)
    {
        AfPacketPort taker = Space.Run(() => AfPacketPort.Take("near", offer));
        taker.Adopt(giver.SaveState());
        giver.Yield();
        giver.Dispose();
        _ports.Remove(giver);
        _ports.Add(taker);
        return taker;
    }

    private void Receive(AfPacketPort port, Action<Packet> take, Func<bool> until) => Eventually.True(
        () =>
        {
            for (int i = 0; i < 1000 && !until(); i++)
            {
                _batch.Clear();
                port.Queues[0].Receive(_batch, Frames);
                foreach (Packet packet in _batch.Packets)
                {
                    take(packet);
                }
                Frames.Release(_batch.Packets);
                _batch.Clear();
            }
            return until();
        },
        () => $"{port.Backend}; {take.Target}; {port.ReadCounters().ReceiveDropped} dropped, {port.ReadCounters().ReceiveErrors} damaged");

    /// <summary>Numbered frames out of the far interface, by one processor, so that the kernel keeps their order.</summary>
    private sealed class Flood(LabNode space, Func<int, int> lengthOf) : IDisposable
    {
        private readonly RawSocket _far = space.Run(() => new RawSocket("far"));
        private readonly byte[] _frame = [.. Convert.FromHexString("02000000000b02000000000a88b5"), .. new byte[2048]];
        private Thread? _thread;
        private volatile bool _stop;
        private long _sent;
        private long _received;
        private long _next;

        public long Sent => Volatile.Read(ref _sent);

        public long Received => Volatile.Read(ref _received);

        public void Send(int count)
        {
            Run(() =>
            {
                for (int i = 0; i < count; i++)
                {
                    SendOne();
                }
            });
            _thread!.Join();
        }

        /// <summary>Sends on and on until <see cref="End"/>.</summary>
        /// <param name="underWay">At the most.</param>
        public void Begin(long underWay = long.MaxValue) => Run(() =>
        {
            while (!_stop)
            {
                if (Sent - Received < underWay)
                {
                    SendOne();
                }
            }
        });

        public void End()
        {
            _stop = true;
            _thread?.Join();
        }

        public void Check(Packet packet)
        {
            long number = BinaryPrimitives.ReadInt64BigEndian(packet.Bytes[NumberAt..]);
            Assert.True(number >= _next, $"{number} came where {_next} was due");
            Assert.Equal(lengthOf((int)number), packet.Length);
            _next = number + 1;
            Volatile.Write(ref _received, _received + 1);
        }

        public override string ToString() => $"{Received} of {Sent} received, {_next} due";

        public void Dispose()
        {
            End();
            _far.Dispose();
        }

        private void Run(Action send)
        {
            _thread = new Thread(() =>
            {
                ProcessorAffinity.TrySet(ProcessorAffinity.Read().AsSpan(0, 1));
                send();
            });
            _thread.Start();
        }

        private void SendOne()
        {
            BinaryPrimitives.WriteInt64BigEndian(_frame.AsSpan(NumberAt), _sent);
            if (_far.TrySend(_frame.AsSpan(0, lengthOf((int)_sent))))
            {
                Volatile.Write(ref _sent, _sent + 1);
            }
        }
    }
}
