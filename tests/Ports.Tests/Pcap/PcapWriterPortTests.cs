using System.Diagnostics;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Pcap;

namespace Softswitch.Ports.Tests.Pcap;

public sealed class PcapWriterPortTests : PortTransmitContract
{
    internal override PortHarness Open(FramePool pool) => new Harness(pool);

    [Fact]
    public void The_file_is_whole_after_dispose_and_its_stamps_are_now()
    {
        using var pool = new FramePool(64);
        FrameCache frames = pool.CreateCache();
        string path = Path.GetTempFileName();
        try
        {
            DateTime before = DateTime.UtcNow;
            using (PcapWriterPort port = PcapWriterPort.Open("pcap", path))
            {
                Assert.True(frames.TryRent(out Packet packet));
                packet.Length = 60;
                packet.Bytes.Fill(7);
                Assert.Equal(1, port.Transmit(new ReadOnlySpan<Packet>(in packet), frames));
            }
            using PcapReader reader = PcapReader.Open(path, 65536);
            Assert.True(reader.HasNanoseconds);
            Assert.True(reader.TryRead(out ReadOnlySpan<byte> frame));
            Assert.Equal(60, frame.Length);
            DateTime stamp = DateTime.UnixEpoch.AddTicks(reader.TimestampNanoseconds / 100);
            Assert.InRange(stamp, before, DateTime.UtcNow);
            Assert.False(reader.TryRead(out _));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Frames_reach_the_file_by_themselves()
    {
        using var pool = new FramePool(64);
        using PortHarness harness = Open(pool);
        byte[] frame = Frame(new Random(1), 60, 1);
        harness.Send(frame);
        // NextSent flushes; here only the timer does.
        long start = Stopwatch.GetTimestamp();
        while (new FileInfo(((Harness)harness).Path).Length < 24 + 16 + 60)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(20), "not flushed");
            Thread.Yield();
        }
    }

    [Fact]
    public void A_disk_that_is_full_is_counted_and_does_not_throw()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "/dev/full does not exist");
        using var pool = new FramePool(64);
        FrameCache frames = pool.CreateCache();
        using PcapWriterPort port = PcapWriterPort.Open("pcap", "/dev/full");
        for (int i = 0; i < 10; i++)
        {
            Assert.True(frames.TryRent(out Packet packet));
            packet.Length = 60;
            Assert.Equal(1, port.Transmit(new ReadOnlySpan<Packet>(in packet), frames));
        }
        port.Flush();
        Assert.Equal(10, port.ReadLosses().TransmitErrors);
    }

    [Fact]
    public void A_file_that_cannot_be_made_is_one_clear_line()
    {
        PortException e = Assert.Throws<PortException>(() => PcapWriterPort.Open("pcap", "/nowhere/file.pcap"));
        Assert.StartsWith("/nowhere/file.pcap: ", e.Message, StringComparison.Ordinal);
    }

    private sealed class Harness : PortHarness
    {
        private readonly PcapWriterPort _port;
        private readonly PcapReader _reader;

        public Harness(FramePool pool)
            : base(pool)
        {
            _port = PcapWriterPort.Open("pcap", Path);
            _reader = PcapReader.Open(Path, 65536);
        }

        public string Path { get; } = System.IO.Path.GetTempFileName();

        public override IPortDevice Device => _port;

        public override bool TryOffer(ReadOnlySpan<byte> frame) => false;

        public override byte[]? NextSent()
        {
            // Records are written whole: at the end of the file the reader can be asked again.
            if (_reader.TryRead(out ReadOnlySpan<byte> frame))
            {
                return frame.ToArray();
            }
            _port.Flush();
            return _reader.TryRead(out frame) ? frame.ToArray() : null;
        }

        public override void Dispose()
        {
            _reader.Dispose();
            _port.Dispose();
            File.Delete(Path);
        }
    }
}
