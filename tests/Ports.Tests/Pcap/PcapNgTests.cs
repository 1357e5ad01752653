using Softswitch.Datapath.Packets;
using Softswitch.Ports.Pcap;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Pcap;

/// <summary>What is written as pcapng, as Wireshark's programs and our own reader see it.</summary>
public sealed class PcapNgTests : IDisposable
{
    private const long Time = 1_795_367_748_262_386_700;

    private static readonly byte[] Frame = TestPacket.Udp(src: 0x0a000001, dst: 0x0a000002);

    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Trait("Ring", "peers")]
    [Fact]
    public void Tshark_shows_interfaces_directions_times_lengths_and_comments()
    {
        Needs.Program("tshark");
        string[] lines = Tshark(
            Written(), "-T", "fields", "-E", "separator=;", "-e", "frame.interface_name", "-e", "frame.interface_description", "-e", "frame.packet_flags_direction",
            "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.cap_len", "-e", "frame.comment", "-e", "ip.src");
        string length = $"{Frame.Length};{Frame.Length}";
        Assert.Equal(
            [
                $"eth1;port 1;0x00000001;1795367748.262386700;{length};;10.0.0.1",
                $"eth2;port 2;0x00000002;1795367748.262386701;1500;{Frame.Length - 1};dropped: déjà vu;10.0.0.1",
                $"eth1;port 1;0x00000002;1795367748.262386702;{length};;10.0.0.1",
            ],
            lines);
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void Capinfos_finds_a_whole_file_with_what_was_lost()
    {
        Needs.Program("capinfos");
        string path = Written();
        string said = RunningCommand.Execute("capinfos", path).Checked().Output;
        Assert.Contains("Number of packets:   3", said, StringComparison.Ordinal);
        Assert.Contains("Number of interfaces in file: 2", said, StringComparison.Ordinal);
        Assert.Contains("Filter string = udp", said, StringComparison.Ordinal);
        Assert.Contains("Number of stat entries = 1", said, StringComparison.Ordinal);
        Assert.Contains("Capture application: Test 1", said, StringComparison.Ordinal);
    }

    [Fact]
    public void Our_reader_reads_it_back()
    {
        PcapNgReader reader = new(new MemoryStream(File.ReadAllBytes(Written())));
        List<string> packets = [];
        List<byte> bytes = [];
        long dropped = 0;
        while (reader.TryRead())
        {
            bytes.AddRange(reader.Block);
            if (reader.Type == PcapNgFormat.EnhancedPacket)
            {
                CapturedPacket packet = reader.ReadPacket();
                packets.Add($"{packet.Interface} {packet.IsOutbound} {packet.Nanoseconds - Time} {packet.Length} {packet.Bytes.Length} {packet.Comment}");
            }
            dropped += reader.Type == PcapNgFormat.InterfaceStatistics ? reader.ReadDropped() : 0;
        }
        Assert.Equal([$"eth1 False 0 {Frame.Length} {Frame.Length} ", $"eth2 True 1 1500 {Frame.Length - 1} dropped: déjà vu", $"eth1 True 2 {Frame.Length} {Frame.Length} "], packets);
        Assert.Equal(7, dropped);
        Assert.Equal(File.ReadAllBytes(Written()), bytes);
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void The_longest_packets_and_texts_fit()
    {
        Needs.Program("tshark");
        string path = Path.Combine(_folder, "long.pcapng");
        using (FileStream file = File.Create(path))
        {
            PcapNgWriter writer = new(file, new string('é', 5000));
            int number = writer.AddInterface(new string('x', 5000), new string('y', 5000), default, Packet.MaxLength, new string('z', 5000));
            for (int i = 0; i < 20; i++)
            {
                writer.AddPacket(number, new byte[Packet.MaxLength], Packet.MaxLength, Time, isOutbound: false, new string('\u20ac', 5000));
            }
            writer.Flush();
        }
        Assert.Equal(Enumerable.Repeat($"{Packet.MaxLength}", 20), Tshark(path, "-T", "fields", "-e", "frame.cap_len"));
    }

    [Fact]
    public void Whatever_is_cut_off_or_damaged_is_said_and_nothing_else_happens()
    {
        byte[] whole = File.ReadAllBytes(Written());
        for (int cut = 0; cut < whole.Length; cut++)
        {
            ReadAll(whole[..cut]);
        }
        Random random = new(1);
        for (int round = 0; round < 3000; round++)
        {
            byte[] damaged = [.. whole];
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                damaged[random.Next(damaged.Length)] = random.Next(3) == 0 ? (byte)0xff : (byte)random.Next(256);
            }
            ReadAll(damaged);
        }
    }

    private static void ReadAll(byte[] file)
    {
        try
        {
            PcapNgReader reader = new(new MemoryStream(file));
            while (reader.TryRead())
            {
                if (reader.Type == PcapNgFormat.EnhancedPacket)
                {
                    reader.ReadPacket();
                }
                else if (reader.Type == PcapNgFormat.InterfaceStatistics)
                {
                    reader.ReadDropped();
                }
            }
        }
        catch (PortException)
        {
            // it says so
        }
    }

    private static string[] Tshark(string path, params string[] arguments) =>
        RunningCommand.Execute("tshark", ["-r", path, .. arguments]).Checked().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private string Written()
    {
        string path = Path.Combine(_folder, "test.pcapng");
        using FileStream file = File.Create(path);
        PcapNgWriter writer = new(file, "Test 1");
        int first = writer.AddInterface("eth1", "port 1", new(0x0200_0000_0001), 65568, "udp");
        writer.AddPacket(first, Frame, Frame.Length, Time, isOutbound: false, comment: null);
        int second = writer.AddInterface("eth2", "port 2", new(0x0200_0000_0002), 65568, filter: null);
        writer.AddPacket(second, Frame.AsSpan(0, Frame.Length - 1), 1500, Time + 1, isOutbound: true, "dropped: déjà vu");
        writer.AddPacket(first, Frame, Frame.Length, Time + 2, isOutbound: true, comment: null);
        writer.AddStatistics(first, Time + 3, 9, 7);
        writer.AddStatistics(second, Time + 3, 1, 0);
        writer.Flush();
        return path;
    }
}
