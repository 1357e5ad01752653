using Softswitch.Datapath.Packets;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfPacket;

/// <summary>Bursts of small packets that a BPF program sends.</summary>
[Trait("Ring", "peers")]
public sealed class BurstSenderTests : VethTests
{
    private const int Longest = 1514;

    private readonly BurstSender _sender;

    public BurstSenderTests()
        : base(() => Needs.Namespaces()) => _sender = Space.Run(() =>
        {
            using LinuxInterface near = LinuxInterface.Open("near", "near");
            return BurstSender.Open(near.Index);
        });

    protected override void Dispose(bool disposing)
    {
        _sender?.Dispose();
        base.Dispose(disposing);
    }

    private static byte[] Frame(int number, int length, string type = "88b5")
    {
        byte[] frame = new byte[length];
        new Random(number).NextBytes(frame);
        Convert.FromHexString($"02000000000b02000000000a{type}").CopyTo(frame, 0);
        return frame;
    }

    private Packet[] Packets(params IEnumerable<byte[]> frames) => [.. frames.Select(frame => Frames.Rent(frame))];

    [Fact]
    public void A_burst_arrives_packet_by_packet_as_it_was()
    {
        using RawSocket far = OpenRaw();
        byte[][] frames = [.. Enumerable.Range(0, 200).Select(i => Frame(i, 60 + (i * 37 % 181)))];
        Packet[] packets = Packets(frames);
        Space.Run(() =>
        {
            for (int done = 0; done < packets.Length;)
            {
                int staged = _sender.Stage(packets.AsSpan(done), Longest);
                Assert.Equal(Math.Min(64, packets.Length - done) >= BurstSender.Least ? Math.Min(64, packets.Length - done) : 0, staged);
                if (staged == 0)
                {
                    break;
                }
                Assert.Equal(staged, _sender.Send(out int error));
                Assert.Equal(0, error);
                done += staged;
            }
        });
        for (int i = 0; i < 192; i++) // the last eight are too few
        {
            byte[]? came = null;
            Eventually.True(() => (came = far.Receive()) != null, () => $"{i} came");
            Assert.Equal(frames[i], came);
        }
        Assert.Null(far.Receive());
    }

    [Theory]
    [InlineData(60, "0800", 20)] // another type
    [InlineData(241, "88b5", 20)] // too long for a slot
    [InlineData(60, "88b5", 40)]
    public void A_packet_that_cannot_go_with_the_others_ends_a_burst(int length, string type, int staged)
    {
        byte[][] others = [.. Enumerable.Range(0, 39).Select(i => Frame(i, 60))];
        Packet[] packets = Packets([.. others[..20], Frame(20, length, type), .. others[20..]]);
        Assert.Equal(staged, Space.Run(() => _sender.Stage(packets, Longest)));
    }

    [Theory]
    [InlineData("05dc", Longest, PacketFlags.None)] // a length in place of a type
    [InlineData("88b5", 59, PacketFlags.None)] // longer than the interface's packets
    [InlineData("88b5", Longest, PacketFlags.NeedsChecksum)]
    internal void What_only_a_socket_can_send_is_not_staged(string type, int longest, PacketFlags flags)
    {
        Packet[] packets = Packets(Enumerable.Range(0, 32).Select(i => Frame(i, 60, type)));
        packets[0].Flags |= flags;
        Assert.Equal(0, Space.Run(() => _sender.Stage(packets, longest)));
    }

    [Fact]
    public void Nothing_is_staged_on_a_thread_of_another_namespace()
    {
        Packet[] packets = Packets(Enumerable.Range(0, 32).Select(i => Frame(i, 60)));
        Assert.Equal(0, _sender.Stage(packets, Longest));
        Assert.Equal(32, Space.Run(() => _sender.Stage(packets, Longest)));
        Assert.Equal(0, _sender.Stage(packets, Longest));
    }

    [Fact]
    public void What_a_queueing_discipline_drops_is_not_taken()
    {
        Needs.Program("tc");
        Space.Execute("tc", "qdisc", "add", "dev", "near", "root", "tbf", "rate", "8kbit", "burst", "200", "limit", "400").Checked();
        Packet[] packets = Packets(Enumerable.Range(0, 32).Select(i => Frame(i, 60)));
        (int taken, int error) = Space.Run(() =>
        {
            Assert.Equal(32, _sender.Stage(packets, Longest));
            return (_sender.Send(out int error), error);
        });
        Assert.InRange(taken, 1, 20);
        Assert.Equal(Errno.ENOBUFS, error);
    }
}
