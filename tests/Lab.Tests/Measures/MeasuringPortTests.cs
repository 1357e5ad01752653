using System.Buffers.Binary;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Null;
using Softswitch.Ports.Pcap;
using Softswitch.Testing;

namespace Softswitch.Lab.Tests.Measures;

/// <summary>The ports benchmarks are made of: a benchmark that checks is only as good as these.</summary>
[Trait("HardwarePaths", "FreshFlowsPort")]
public sealed class MeasuringPortTests : IDisposable
{
    private static readonly MacAddress Expected = new(TestPacket.DefaultDestination);

    private readonly FramePool _pool = new(256, largeFrameCount: 4);
    private readonly FrameCache _frames;
    private readonly PacketBatch _batch = new();

    public MeasuringPortTests() => _frames = _pool.CreateCache();

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void A_replay_of_made_frames_keeps_copies_of_them()
    {
        byte[] memory = new byte[60];
        using ReplayPort port = ReplayPort.FromFrames("replay", Numbered(memory, 3));
        port.Receive(_batch, _frames);
        for (int i = 0; i < PacketBatch.Capacity; i++)
        {
            Assert.Equal((byte)(i % 3), _batch.Packets[i].Bytes[0]);
            Assert.Equal(60, _batch.Packets[i].Length);
        }
        _frames.Release(_batch.Packets);
    }

    [Fact]
    public void A_replay_needs_frames()
    {
        Assert.Throws<ArgumentException>(() => ReplayPort.FromFrames("replay", []));
        Assert.Throws<ArgumentException>(() => ReplayPort.FromFrames("replay", [Array.Empty<byte>()]));
    }

    [Fact]
    public void A_null_port_has_as_many_queues_as_asked_for()
    {
        using var port = new NullPort("null", queues: 3);
        Assert.Equal(3, port.Queues.Count);
    }

    [Fact]
    public void Only_packets_with_this_ports_tag_and_address_are_right()
    {
        using var port = new CheckingPort("check", egress: 7, Expected);
        Send(port, Tagged(7), Tagged(7), Tagged(7));
        Assert.Equal((3, 0), (port.RightCount, port.WrongCount));
        byte[] otherAddress = Tagged(7);
        otherAddress[5]++;
        byte[] otherFirstByte = Tagged(7);
        otherFirstByte[0] ^= 4;
        byte[] noTag = Tagged(7);
        noTag[^FrameTag.Size]++;
        Send(port, Tagged(8), otherAddress, otherFirstByte, noTag, Tagged(7)[..20], new byte[60]);
        Assert.Equal((3, 6), (port.RightCount, port.WrongCount));
        byte[] otherSource = Tagged(7);
        otherSource[6]++;
        Send(port, otherSource);
        Assert.Equal((4, 6), (port.RightCount, port.WrongCount));
        _frames.Drain();
        Assert.Equal(_pool.FrameCount, _pool.FreeCount);
    }

    [Fact]
    public void At_a_checking_port_without_a_number_every_packet_is_wrong()
    {
        using var port = new CheckingPort("trap", egress: null, Expected);
        Send(port, Tagged(0), Tagged(7), new byte[60]);
        Assert.Equal((0, 3), (port.RightCount, port.WrongCount));
    }

    [Fact]
    public void Fresh_flows_differ_in_free_bits_and_source_and_in_nothing_else()
    {
        byte[] frame = TestPacket.Tcp();
        byte[] free = new byte[12];
        BinaryPrimitives.WriteUInt32BigEndian(free, 0x0000_00ff); // the last byte of nw_src
        BinaryPrimitives.WriteUInt16BigEndian(free.AsSpan(8), 0xffff); // tp_src
        using var port = new FreshFlowsPort("fresh", [frame], [free]);
        HashSet<ulong> sources = [];
        HashSet<ushort> ports = [];
        for (int round = 0; round < 10; round++)
        {
            port.Receive(_batch, _frames);
            foreach (ref readonly Packet packet in _batch.Packets)
            {
                sources.Add(new MacAddress(packet.Bytes[6..]).Value);
                ports.Add(BinaryPrimitives.ReadUInt16BigEndian(packet.Bytes[34..]));
                byte[] same = packet.Bytes.ToArray();
                frame.AsSpan(8, 4).CopyTo(same.AsSpan(8));
                frame.AsSpan(29, 1).CopyTo(same.AsSpan(29));
                frame.AsSpan(34, 2).CopyTo(same.AsSpan(34));
                Assert.Equal(frame, same);
            }
            _frames.Release(_batch.Packets);
            _batch.Clear();
        }
        Assert.Equal(10 * PacketBatch.Capacity, sources.Count);
        Assert.True(ports.Count > 5 * PacketBatch.Capacity, $"{ports.Count} different ports");
    }

    [Fact]
    public void A_paced_port_is_silent_until_started_and_stamps_the_time_of_receipt()
    {
        using var port = new PacedPort("paced", Tagged(1));
        Assert.Equal(0, port.Receive(_batch, _frames));
        long before = KernelClock.Nanoseconds;
        port.Start(double.PositiveInfinity);
        Assert.Equal(PacketBatch.Capacity, port.Receive(_batch, _frames));
        long stamp = BitConverter.ToInt64(_batch.Packets[0].Bytes[^(FrameTag.Size - FrameTag.StampOffset)..]);
        Assert.InRange(stamp, before, KernelClock.Nanoseconds);
        _frames.Release(_batch.Packets);
        _batch.Clear();
        port.Stop();
        Assert.Equal(0, port.Receive(_batch, _frames));
    }

    [Fact]
    public void A_paced_port_gives_no_more_than_its_rate()
    {
        using var port = new PacedPort("paced", Tagged(1));
        port.Start(1e-6); // one in eleven days
        Assert.Equal(0, port.Receive(_batch, _frames));
    }

    private static byte[] Tagged(ushort egress)
    {
        byte[] frame = TestPacket.Udp(payload: 18);
        FrameTag.Write(frame.AsSpan(frame.Length - FrameTag.Size), egress);
        return frame;
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Numbered(byte[] memory, int count)
    {
        for (int i = 0; i < count; i++)
        {
            memory[0] = (byte)i;
            yield return memory;
        }
    }

    private void Send(CheckingPort port, params byte[][] frames)
    {
        foreach (byte[] frame in frames)
        {
            Assert.True(_frames.TryRent(out Packet packet));
            packet.Length = frame.Length;
            frame.CopyTo(packet.Bytes);
            Assert.Equal(1, port.Transmit([packet], _frames));
        }
    }
}
