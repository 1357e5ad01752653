using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Pcap;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Pcap;

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

/// <summary>The contract for a port whose frames lie in a file: each file has what was offered since the one before was read to its end.</summary>
public sealed class ReplayPortContractTests : PortContract
{
    internal override PortHarness Open(FramePool pool) => new Harness(pool);

    private sealed class Harness(FramePool pool) : PortHarness(pool)
    {
        private readonly List<byte[]> _offered = [];
        private ReplayPort? _port;

        public override IPortDevice Device => _offered.Count > 0 && _port?.IsFinished != false ? Replay() : _port ??= ReplayPort.FromFrames("replay", [new byte[60]]);

        public override int MaxFrame => 9014;

        public override bool ShowsSent => false;

        public override bool TryOffer(ReadOnlySpan<byte> frame)
        {
            _offered.Add(frame.ToArray());
            return true;
        }

        public override byte[]? NextSent() => null;

        public override void Dispose() => _port?.Dispose();

        private ReplayPort Replay()
        {
            using CaptureFile file = new();
            _offered.ForEach(frame => file.Frame(frame));
            _offered.Clear();
            _port?.Dispose();
            return _port = ReplayPort.Open("replay", file.Write(), once: true);
        }
    }
}
