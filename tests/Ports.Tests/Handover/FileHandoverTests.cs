using Softswitch.Ports.Pcap;
using Softswitch.Ports.Specs;
using Softswitch.Ports.Tests.Pcap;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Handover;

public sealed class NullHandoverTests : HandoverContract
{
    internal override HandoverHarness Open() => new Harness();

    private sealed class Harness : HandoverHarness
    {
        protected override PortSpec Spec { get; } = TunnelHost.Spec("null:");

        protected override bool Receives => false;

        protected override bool ShowsSent => false;
    }
}

/// <summary>A replay goes on at the next frame of its file.</summary>
public sealed class ReplayHandoverTests : HandoverContract
{
    internal override HandoverHarness Open() => new Harness();

    private sealed class Harness : HandoverHarness
    {
        private const int Frames = 50;

        private readonly CaptureFile _file = new();

        public Harness()
        {
            for (int i = 0; i < Frames; i++)
            {
                _file.Frame(Frame(i));
            }
            Spec = TunnelHost.Spec($"replay:{_file.Write()}");
        }

        protected override PortSpec Spec { get; }

        protected override bool ShowsSent => false;

        protected override bool IsEndless => true;

        protected override byte[] Frame(int number) => base.Frame(number % Frames);

        public override void Dispose()
        {
            base.Dispose();
            _file.Dispose();
        }
    }
}

/// <summary>A capture file is appended to.</summary>
public sealed class PcapHandoverTests : HandoverContract
{
    internal override HandoverHarness Open() => new Harness();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_that_was_renamed_ends_with_its_owner_and_another_begins_whatever_has_the_name_by_now(bool isTaken)
    {
        using Harness harness = new();
        harness.Start();
        harness.PassBothWays(10);
        File.Move(harness.Path, $"{harness.Path}.1");
        if (isTaken)
        {
            File.WriteAllBytes(harness.Path, new byte[1 << 16]);
        }
        DeviceOwner next = harness.Take(harness.Owner.Handover.Offer());
        next.Handover.Adopt(harness.Owner.Handover.SaveState());
        harness.Owner.Handover.Yield();
        harness.HandOn(next);
        Assert.Equal(1, next.Device.Send(next.Frames, PolledPort.Frame(60)));
        ((PcapWriterPort)next.Device).Flush();
        Assert.Equal(10, Count($"{harness.Path}.1"));
        Assert.Equal(1, Count(harness.Path));
    }

    private static int Count(string path) => Read(path).Count;

    private static List<byte[]> Read(string path)
    {
        using PcapReader reader = PcapReader.Open(path, 65536);
        List<byte[]> frames = [];
        while (reader.TryRead(out ReadOnlySpan<byte> frame))
        {
            frames.Add(frame.ToArray());
        }
        return frames;
    }

    private sealed class Harness : HandoverHarness
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-handover-");
        private readonly Queue<byte[]> _unseen = [];
        private int _seen;

        public Harness()
        {
            Path = System.IO.Path.Combine(_folder.FullName, "test.pcap");
            Spec = TunnelHost.Spec($"pcap:{Path}");
        }

        public string Path { get; }

        protected override PortSpec Spec { get; }

        protected override bool Receives => false;

        public override IReadOnlyList<string> HeldFiles() => [Path];

        protected override byte[]? NextSent()
        {
            if (_unseen.Count == 0)
            {
                ((PcapWriterPort)Owner.Device).Flush();
                Read(Path).Skip(_seen).ToList().ForEach(_unseen.Enqueue);
                _seen += _unseen.Count;
            }
            return _unseen.TryDequeue(out byte[]? frame) ? frame : null;
        }

        public override void Dispose()
        {
            base.Dispose();
            _folder.Delete(recursive: true);
        }
    }
}
