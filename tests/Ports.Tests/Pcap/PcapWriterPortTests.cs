using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux.Files;
using Softswitch.Ports.Linux.Memory;
using Softswitch.Ports.Pcap;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Pcap;

public sealed class PcapWriterPortTests : PortTransmitContract, IDisposable
{
    private readonly FramePool _pool = new(64, largeFrameCount: 1);
    private readonly FrameCache _frames;

    public PcapWriterPortTests() => _frames = _pool.CreateCache();

    public void Dispose() => _pool.Dispose();

    internal override PortHarness Open(FramePool pool) => new Harness(pool);

    [Fact]
    public void The_file_is_whole_after_dispose_and_its_stamps_are_now()
    {
        string path = Path.GetTempFileName();
        try
        {
            DateTimeOffset now = DateTimeOffset.UnixEpoch.AddTicks(17_000_000_001_234_567);
            using (PcapWriterPort port = PcapWriterPort.Open("pcap", path, new TestTime { Wall = now }))
            {
                port.EndPatience = Eventually.Bound;
                Assert.Equal(1, port.SendBurst(_frames, new byte[60]));
            }
            using PcapReader reader = PcapReader.Open(path, 65536);
            Assert.True(reader.HasNanoseconds);
            Assert.True(reader.TryRead(out ReadOnlySpan<byte> frame));
            Assert.Equal(60, frame.Length);
            Assert.Equal(1_700_000_000_123_456_700, reader.TimestampNanoseconds);
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
        using PortHarness harness = Open(_pool);
        byte[] frame = Frame(new Random(1), 60, 1);
        harness.Send(frame);
        // NextSent flushes; here only the timer does.
        Eventually.True(() => new FileInfo(((Harness)harness).Path).Length == 24 + 16 + 60, "it is flushed");
    }

    [Fact]
    public void A_disk_that_is_full_is_counted_and_does_not_throw()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "/dev/full does not exist");
        using PcapWriterPort port = PcapWriterPort.Open("pcap", "/dev/full");
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal(1, port.SendBurst(_frames, new byte[60]));
        }
        port.Flush();
        Assert.Equal(10, port.ReadCounters().TransmitErrors);
        port.Flush(); // of nothing
        Assert.StartsWith("/dev/full lacks packets: ", port.Fault, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_lacks_packets_says_so_for_good_though_later_ones_find_room_and_so_says_who_takes_it_over()
    {
        string small = FileThatCannotGrow(4096);
        using PcapWriterPort port = PcapWriterPort.Continue("pcap", small);
        using DeviceRecord empty = new();
        empty.Write("the file of a switch before");
        empty.Write(0L);
        empty.Write(0L);
        port.Adopt(empty.ToArray());
        SendAndFlush(port, 60);
        Assert.Null(port.Fault);
        SendAndFlush(port, 5000);
        string fault = Assert.IsType<string>(port.Fault);
        Assert.StartsWith($"{small} lacks packets: ", fault, StringComparison.Ordinal);
        SendAndFlush(port, 60);
        Assert.Equal(fault, port.Fault);
        Assert.Equal(1, port.ReadCounters().TransmitErrors);

        using PcapWriterPort next = PcapWriterPort.Continue("pcap", small);
        next.Adopt(port.SaveState());
        Assert.StartsWith($"{small} lacks packets: ", next.Fault, StringComparison.Ordinal);
    }

    private void SendAndFlush(PcapWriterPort port, int length)
    {
        Assert.Equal(1, port.SendBurst(_frames, new byte[length]));
        port.Flush();
    }

    /// <summary>As a disk that has room for small writes and for no large one.</summary>
    private static string FileThatCannotGrow(nuint bytes) => $"/proc/self/fd/{SharedMemory.TryCreateDescriptor("small", bytes, flags: 0, out _)}";

    [Fact]
    public void A_pipe_that_nobody_reads_is_refused_at_once()
    {
        using Pipe pipe = new();
        PortException e = Assert.Throws<PortException>(() => PcapWriterPort.Open("pcap", pipe.Path));
        Assert.Contains("nobody reads this pipe", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pipe_whose_reader_stands_still_holds_up_neither_the_worker_nor_the_end()
    {
        using Pipe pipe = new();
        using FileStream reader = pipe.OpenReader();
        using (PcapWriterPort port = PcapWriterPort.Open("pcap", pipe.Path))
        {
            Assert.Equal(TimeSpan.FromSeconds(1), port.EndPatience);
            port.EndPatience = TimeSpan.Zero;
            long taken = 0;
            while (port.SendBurst(_frames, new byte[1500]) == 1)
            {
                taken++;
            }
            Assert.InRange(taken, 2000, 20_000); // both buffers, and what the pipe holds
            Assert.Equal(0, port.ReadCounters().TransmitDropped);
        }
        Eventually.Ended(ReadToEnd(reader)); // the writer lets go of the pipe
    }

    [Fact]
    public void A_pipe_whose_reader_reads_gets_everything_at_the_end()
    {
        const int count = 2000; // a pipe holds some forty of them
        const int size = 1500;
        using Pipe pipe = new();
        using FileStream reader = pipe.OpenReader();
        Task<long> read;
        using (PcapWriterPort port = PcapWriterPort.Open("pcap", pipe.Path))
        {
            port.EndPatience = Eventually.Bound;
            read = ReadToEnd(reader);
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(1, port.SendBurst(_frames, new byte[size]));
            }
        }
        Assert.Equal(PcapFormat.FileHeaderLength + (count * (PcapFormat.RecordHeaderLength + size)), Eventually.Result(read));
    }

    private static Task<long> ReadToEnd(FileStream reader) => Task.Run(
        () =>
        {
            long read = 0;
            byte[] some = new byte[65536];
            for (int length = reader.Read(some); length > 0; length = reader.Read(some))
            {
                read += length;
            }
            return read;
        },
        TestContext.Current.CancellationToken);

    [Fact]
    public void The_next_reader_of_a_pipe_gets_a_capture_from_its_head_on()
    {
        using Pipe pipe = new();
        FileStream first = pipe.OpenReader();
        using PcapWriterPort port = PcapWriterPort.Open("pcap", pipe.Path);
        SendAndFlush(port, 60);
        first.Dispose();
        pipe.AwaitNoReader();
        SendAndFlush(port, 61);
        port.Flush();
        Assert.Equal((1, 0), (port.ReadCounters().TransmitDropped, port.ReadCounters().TransmitErrors));
        Assert.Contains("nobody reads", port.Fault, StringComparison.Ordinal);
        using FileStream second = pipe.OpenReader();
        SendAndFlush(port, 62);
        Assert.Null(port.Fault);
        byte[] expected = new byte[PcapFormat.FileHeaderLength];
        PcapFormat.WriteFileHead(expected);
        byte[] read = new byte[PcapFormat.FileHeaderLength + PcapFormat.RecordHeaderLength + 62];
        second.ReadExactly(read);
        Assert.Equal(expected, read[..expected.Length]);
    }

    [Fact]
    public void A_file_that_cannot_be_made_is_one_clear_line()
    {
        PortException e = Assert.Throws<PortException>(() => PcapWriterPort.Open("pcap", "/nowhere/file.pcap"));
        Assert.StartsWith("/nowhere/file.pcap: ", e.Message, StringComparison.Ordinal);
    }

    /// <summary>A named pipe in the temporary folder.</summary>
    private sealed class Pipe : IDisposable
    {
        public Pipe() => RunningCommand.Execute("mkfifo", Path).Checked();

        public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"softswitch-test-{Guid.NewGuid():N}");

        /// <summary>A reader that does not wait for a writer; made by one that is there for the moment.</summary>
        public FileStream OpenReader()
        {
            using FileStream writer = new(Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            return new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        }

        /// <summary>A program that somebody starts just when a reader is closed has it until its exec.</summary>
        public void AwaitNoReader() => Eventually.True(
            () =>
            {
                try
                {
                    NamedPipe.Open(Path)?.Dispose();
                    return false;
                }
                catch (PortException)
                {
                    return true;
                }
            },
            "the pipe has no reader");

        public void Dispose() => File.Delete(Path);
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
