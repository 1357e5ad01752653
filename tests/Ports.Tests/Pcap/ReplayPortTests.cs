using Softswitch.Datapath.Packets;
using Softswitch.Ports.Pcap;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Pcap;

/// <summary>A source without a far end: what the contract suite asks of receiving is asked here of the file's frames.</summary>
[Trait("HardwarePaths", "ReplayPort")]
public sealed class ReplayPortTests : IDisposable
{
    private const int Seed = 3;

    private readonly FramePool _pool = new(1024, largeFrameCount: 64);
    private readonly FrameCache _frames;
    private readonly CaptureFile _file = new();
    private readonly List<byte[]> _expected = [];

    public ReplayPortTests() => _frames = _pool.CreateCache();

    public void Dispose()
    {
        _file.Dispose();
        _pool.Dispose();
    }

    private ReplayPort Open(int count, int maxLength, bool once = false)
    {
        var random = new Random(Seed);
        for (int i = 0; i < count; i++)
        {
            byte[] frame = new byte[random.Next(14, maxLength + 1)];
            random.NextBytes(frame);
            _file.Frame(frame);
            _expected.Add(frame);
        }
        return ReplayPort.Open("replay", _file.Write(), once);
    }

    private int Check(ReplayPort port, PacketBatch batch, int from)
    {
        int received = port.Receive(batch, _frames);
        Assert.Equal(received, batch.Count);
        foreach (ref readonly Packet packet in batch.Packets)
        {
            Assert.True(packet.Bytes.SequenceEqual(_expected[from++ % _expected.Count]), $"frame {from - 1}");
            Assert.InRange(_frames.HeadroomOf(packet), FramePool.LeastHeadroom, FramePool.Headroom);
            packet.Bytes.Clear(); // the copy is ours: the next pass must not see this
        }
        _frames.Release(batch.Packets);
        batch.Clear();
        return from;
    }

    [Theory]
    [InlineData(1, 60)]
    [InlineData(33, 1514)]
    [InlineData(100, 9000)]
    public void Frames_come_in_the_order_of_the_file_over_and_over(int count, int maxLength)
    {
        using ReplayPort port = Open(count, maxLength);
        var batch = new PacketBatch();
        int seen = 0;
        while (seen < 100_000)
        {
            seen = Check(port, batch, seen);
        }
        Assert.False(port.IsFinished);
        Assert.Equal(default, port.ReadCounters());
        _pool.AssertAllFree(_frames);
    }

    [Fact]
    public void Once_is_one_pass_and_then_nothing()
    {
        using ReplayPort port = Open(70, 1514, once: true);
        var batch = new PacketBatch();
        int seen = Check(port, batch, Check(port, batch, Check(port, batch, 0)));
        Assert.Equal(70, seen);
        Assert.True(port.IsFinished);
        Assert.Equal(0, port.Receive(batch, _frames));
    }

    [Fact]
    public void A_receive_adds_no_more_than_fits()
    {
        using ReplayPort port = Open(40, 60);
        var batch = new PacketBatch();
        for (int i = 0; i < PacketBatch.Capacity - 2; i++)
        {
            Assert.True(_frames.TryRent(out Packet filler));
            batch.Add(filler);
        }
        Assert.Equal(2, port.Receive(batch, _frames));
        Assert.Equal(0, port.Receive(batch, _frames));
        Assert.True(batch.Packets[^1].Bytes.SequenceEqual(_expected[1]));
        _frames.Release(batch.Packets);
    }

    [Fact]
    public void Frames_the_pool_has_no_memory_for_are_counted_as_lost()
    {
        using ReplayPort port = Open(40, 60);
        Packet[] hoard = _frames.Hoard();
        Assert.Equal(0, port.Receive(new PacketBatch(), _frames));
        Assert.Equal(32, port.ReadCounters().ReceiveDropped);
        _frames.Release(hoard);
    }

    [Fact]
    public void What_is_sent_to_it_is_taken_and_released()
    {
        using ReplayPort port = Open(40, 60);
        var batch = new PacketBatch();
        port.Receive(batch, _frames);
        Assert.Equal(batch.Count, port.Transmit(batch.Packets, _frames));
        _pool.AssertAllFree(_frames);
    }

    [Fact]
    public void Receiving_allocates_nothing()
    {
        using ReplayPort port = Open(40, 60);
        var batch = new PacketBatch();
        Assert.Equal(0, Allocations.OfOneRound(() => Pump(port, batch, 40_000)));
    }

    private void Pump(ReplayPort port, PacketBatch batch, int rounds)
    {
        for (int i = 0; i < rounds; i++)
        {
            port.Receive(batch, _frames);
            _frames.Release(batch.Packets);
            batch.Clear();
        }
    }

    [Fact]
    public void A_capture_without_frames_is_refused()
    {
        string path = _file.Write();
        Assert.Equal($"{path}: at offset 24: the capture holds no frames", Assert.Throws<PortException>(() => ReplayPort.Open("r", path)).Message);
    }
}
