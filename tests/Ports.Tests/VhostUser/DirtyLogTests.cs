using Softswitch.Ports.Linux;
using Softswitch.Ports.VhostUser;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.VhostUser;

/// <summary>A migration's source finds every page that was written.</summary>
public sealed unsafe class DirtyLogTests
{
    private const ulong Features = VirtioFeatures.VIRTIO_F_VERSION_1 | VirtioFeatures.VHOST_F_LOG_ALL | VirtioFeatures.VIRTIO_F_RING_INDIRECT_DESC;
    private static readonly (ulong Address, ulong Bytes)[] Regions = [(0x10000, 1 << 20), (0x10000 + (1 << 20), 1 << 20), (0x1000_0000, 1 << 20)];

    [Theory]
    [InlineData(Features | VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF)]
    [InlineData(Features | VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF | VirtioFeatures.VIRTIO_F_RING_EVENT_IDX)]
    [InlineData(Features)]
    public void Every_page_that_changed_is_marked_and_few_others(ulong features)
    {
        var random = new Random(3);
        using RingHarness harness = new(features, size: 64, startAt: 65500, fill: false, ram: new GuestRam(Regions));
        using Log log = new(0x1000_0000 + (1 << 20));
        Assert.True(harness.Rings.TrySetLog(log.Descriptor(), log.Bytes, 0, out string why), why);
        for (int i = 0; i < 30; i++)
        {
            ulong at = i == 5 ? Regions[1].Address - 500 : random.Next(3) == 0 ? 0x1000_0000 + (ulong)random.Next(1 << 19) : 0x30000 + (ulong)random.Next(1 << 19);
            harness.Guest.AddBuffer([(at, 1000), (at + 1100, 1000)], indirect: random.Next(2) == 0);
        }
        harness.Ram.Next = 0xf0000;
        for (int round = 0; round < 60; round++)
        {
            byte[][] before = harness.Ram.Snapshot();
            log.Clear();
            bool receives = round % 3 == 0;
            bool arms = round % 7 == 0;
            if (receives)
            {
                ushort head = harness.Guest.Sending.Add(isWritten: false, [(0x20000, 100)]);
                byte[][] offered = harness.Ram.Snapshot();
                before = offered;
                harness.ReceiveFrames(1);
                Assert.True(harness.Guest.Sending.TryTake(out ushort back, out _));
                Assert.Equal(head, back);
            }
            else if (arms)
            {
                harness.Queue.Arm();
            }
            else
            {
                byte[] packet = new byte[random.Next(60, 1500)];
                random.NextBytes(packet);
                harness.Send(packet);
            }
            byte[][] after = harness.Ram.Snapshot();
            int marked = log.Marked;
            for (int region = 0; region < Regions.Length; region++)
            {
                for (int page = 0; page < after[region].Length / DirtyLog.PageSize; page++)
                {
                    bool changed = !before[region].AsSpan(page * DirtyLog.PageSize, DirtyLog.PageSize)
                        .SequenceEqual(after[region].AsSpan(page * DirtyLog.PageSize, DirtyLog.PageSize));
                    ulong address = Regions[region].Address + ((ulong)page * DirtyLog.PageSize);
                    Assert.True(!changed || log.IsMarked(address), $"round {round}: the page at 0x{address:x} changed and is not marked");
                }
            }
            Assert.InRange(marked, 0, 5);
            if (!receives && !arms)
            {
                Assert.NotNull(harness.NextSent());
            }
        }
    }

    [Fact]
    public void Without_the_feature_nothing_is_marked()
    {
        using RingHarness harness = new(size: 64, ram: new GuestRam(Regions));
        using Log log = new(0x1000_0000 + (1 << 20));
        Assert.True(harness.Rings.TrySetLog(log.Descriptor(), log.Bytes, 0, out string why), why);
        harness.Send(new byte[60]);
        Assert.Equal(0, log.Marked);
        harness.Rings.SetFeatures(RingHarness.Mergeable | VirtioFeatures.VHOST_F_LOG_ALL);
        harness.Send(new byte[60]);
        Assert.InRange(log.Marked, 1, 3);
    }

    [Fact]
    public void A_log_too_small_for_the_memory_is_refused()
    {
        using RingHarness harness = new(size: 64, ram: new GuestRam(Regions));
        using Log log = new(0x1000_0000);
        Assert.False(harness.Rings.TrySetLog(log.Descriptor(), log.Bytes, 0, out string why));
        Assert.Equal($"a log of {log.Bytes} bytes for memory up to 0x10100000", why);
        Assert.False(harness.Rings.TrySetLog(log.Descriptor(), log.Bytes + 1, 0, out why));
        Assert.Contains("of a file of", why, StringComparison.Ordinal);
        Assert.Null(harness.Rings.Log);
    }

    [Fact]
    public void A_log_cut_short_ends_the_port()
    {
        using RingHarness harness = new(RingHarness.Mergeable | VirtioFeatures.VHOST_F_LOG_ALL, size: 64, ram: new GuestRam(Regions));
        using Log log = new(0x1000_0000 + (1 << 20));
        int file = log.Descriptor();
        Assert.True(harness.Rings.TrySetLog(log.Descriptor(), log.Bytes, 0, out string why), why);
        Assert.Equal(0, Libc.ftruncate(file, 0));
        _ = Libc.close(file);
        harness.Send(new byte[60]);
        harness.ReceiveWhatIsThere();
        Assert.Contains("cut short", harness.Rings.Fault, StringComparison.Ordinal);
        Assert.False(harness.Rings.IsReady);
    }

    /// <summary>The front-end's end of it.</summary>
    private sealed class Log : IDisposable
    {
        private readonly int _file = Libc.memfd_create("log", 1);
        private readonly byte* _bits;

        public Log(ulong covered)
        {
            Bytes = covered / DirtyLog.PageSize / 8;
            Assert.Equal(0, Libc.ftruncate(_file, (long)Bytes));
            _bits = (byte*)Libc.mmap(null, (nuint)Bytes, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, _file, 0);
        }

        public ulong Bytes { get; }

        public int Marked
        {
            get
            {
                int marked = 0;
                for (ulong i = 0; i < Bytes; i++)
                {
                    marked += int.PopCount(_bits[i]);
                }
                return marked;
            }
        }

        public int Descriptor() => GuestRam.Duplicate(_file);

        public bool IsMarked(ulong address) => (_bits[address / DirtyLog.PageSize / 8] & (1 << (int)(address / DirtyLog.PageSize % 8))) != 0;

        public void Clear() => new Span<byte>(_bits, (int)Bytes).Clear();

        public void Dispose()
        {
            _ = Libc.munmap(_bits, (nuint)Bytes);
            _ = Libc.close(_file);
        }
    }
}
