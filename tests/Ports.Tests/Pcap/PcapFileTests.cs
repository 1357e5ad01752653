using Softswitch.Ports.Pcap;

namespace Softswitch.Ports.Tests.Pcap;

public sealed class PcapFileTests
{
    [Fact]
    public void Frames_written_are_read_back_in_order()
    {
        using var file = new CaptureFile();
        PcapFile.Write(file.Path, Frames());
        using PcapReader reader = PcapReader.Open(file.Path, 65536);
        for (int i = 1; i <= 3; i++)
        {
            Assert.True(reader.TryRead(out ReadOnlySpan<byte> frame));
            Assert.Equal(Enumerable.Repeat((byte)i, 60), frame.ToArray());
        }
        Assert.False(reader.TryRead(out _));

        static IEnumerable<ReadOnlyMemory<byte>> Frames()
        {
            byte[] frame = new byte[60]; // the same memory each time
            for (int i = 1; i <= 3; i++)
            {
                Array.Fill(frame, (byte)i);
                yield return frame;
            }
        }
    }

    [Fact]
    public void A_file_that_cannot_be_made_is_named()
    {
        PortException e = Assert.Throws<PortException>(() => PcapFile.Write("/nowhere/file.pcap", []));
        Assert.StartsWith("/nowhere/file.pcap: ", e.Message, StringComparison.Ordinal);
    }
}
