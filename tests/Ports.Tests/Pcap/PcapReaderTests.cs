using Softswitch.Ports.Pcap;

namespace Softswitch.Ports.Tests.Pcap;

public sealed class PcapReaderTests
{
    private static readonly byte[] FrameBytes = [.. Enumerable.Range(0, 60).Select(i => (byte)i)];

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Files_of_both_byte_orders_and_both_units_are_read(bool bigEndian, bool nanoseconds)
    {
        using var file = new CaptureFile(bigEndian, nanoseconds);
        file.Frame(FrameBytes, 7, 5).Frame([], 8, 6).Frame(FrameBytes.AsSpan(0, 20), 9, 7, wireLength: 1500).Write();
        using PcapReader reader = PcapReader.Open(file.Path, 65536);
        Assert.Equal(nanoseconds, reader.HasNanoseconds);
        Assert.True(reader.TryRead(out ReadOnlySpan<byte> frame));
        Assert.Equal(FrameBytes, frame.ToArray());
        Assert.Equal(7_000_000_000 + (nanoseconds ? 5 : 5000), reader.TimestampNanoseconds);
        Assert.True(reader.TryRead(out frame));
        Assert.Equal(0, frame.Length);
        Assert.True(reader.TryRead(out frame));
        Assert.Equal(20, frame.Length);
        Assert.Equal(1, reader.CutFrames);
        Assert.False(reader.TryRead(out _));
    }

    [Theory]
    [InlineData(1, "at offset 24: the file ends inside a record's head, after 15 of 16 bytes", 0)]
    [InlineData(1, "at offset 40: the file ends inside a frame, after 59 of 60 bytes", 60)]
    [InlineData(77, "at offset 0: the file ends inside its head, after 23 of 24 bytes", 60)]
    public void A_file_cut_short_is_said_with_the_offset(int cut, string message, int frameLength)
    {
        using var file = new CaptureFile();
        file.Frame(FrameBytes.AsSpan(0, frameLength)).Write(cut);
        AssertRefused(file.Path, message);
    }

    [Fact]
    public void Every_prefix_of_a_file_is_read_or_refused_with_its_name()
    {
        using var file = new CaptureFile();
        file.Frame(FrameBytes).Frame(FrameBytes);
        for (int cut = 0; cut <= file.Length; cut++)
        {
            file.Write(cut);
            try
            {
                ReadAll(file.Path);
            }
            catch (PortException e)
            {
                Assert.StartsWith(file.Path, e.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Impossible_lengths_wrong_link_types_and_other_files_are_refused()
    {
        using var huge = new CaptureFile();
        huge.Frame(FrameBytes).Raw(0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255).Write();
        AssertRefused(huge.Path, "at offset 108: a record of 4294967295 bytes; the longest frame is 65536");
        using var wireless = new CaptureFile(linkType: 105);
        AssertRefused(wireless.Write(), "at offset 20: link type 105; only Ethernet (1) can be switched");
        File.WriteAllText(wireless.Path, "this is not a capture file at all");
        AssertRefused(wireless.Path, "at offset 0: not a capture file (no pcap magic number)");
        File.WriteAllBytes(wireless.Path, [0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 0]);
        AssertRefused(
            wireless.Path, "at offset 0: this is a pcapng file; 'editcap -F pcap' or 'tcpdump -r FILE -w NEW' makes a pcap file of it");
        Assert.Contains("not find", Assert.Throws<PortException>(() => PcapReader.Open("/nowhere/at.all", 100)).Message, StringComparison.Ordinal);
    }

    private static void AssertRefused(string path, string message)
    {
        Assert.Equal($"{path}: {message}", Assert.Throws<PortException>(() => ReadAll(path)).Message);
    }

    private static void ReadAll(string path)
    {
        using PcapReader reader = PcapReader.Open(path, 65536);
        while (reader.TryRead(out _))
        {
        }
    }
}
