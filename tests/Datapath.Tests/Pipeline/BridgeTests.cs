using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>OFPP_NORMAL: what a learning bridge does (802.1D-2004 §7).</summary>
public sealed class BridgeTests : IDisposable
{
    private const ulong A = 0x0200_0000_00aa;
    private const ulong B = 0x0200_0000_00bb;

    private readonly TestSwitch _sut = Bridge();

    public void Dispose() => _sut.Dispose();

    [Fact]
    public void Unknown_is_flooded_known_goes_to_its_port_only()
    {
        AssertSent(_sut, 1, A, B, [2, 3, 4]);
        AssertSent(_sut, 3, B, A, [1]);
        AssertSent(_sut, 1, A, B, [3]);
    }

    [Fact]
    public void Vlans_learn_apart()
    {
        AssertSent(_sut, 1, A, B, [2, 3, 4], vlan: 10);
        AssertSent(_sut, 2, B, A, [1, 3, 4], vlan: 20);
        AssertSent(_sut, 2, B, A, [1, 3, 4]);
        AssertSent(_sut, 2, B, A, [1], vlan: (7 << 13) | 10);
    }

    [Fact]
    public void A_station_is_forgotten_after_five_minutes_of_silence_and_not_before()
    {
        AssertSent(_sut, 1, A, B, [2, 3, 4]);
        _sut.Time.Advance(TimeSpan.FromMilliseconds(StationTable.AgeMilliseconds - 1));
        AssertSent(_sut, 2, B, A, [1]);
        _sut.Time.Advance(TimeSpan.FromMilliseconds(1));
        AssertSent(_sut, 2, B, A, [1, 3, 4]);
        // Heard again it lives again.
        AssertSent(_sut, 1, A, B, [2]);
        _sut.Time.Advance(TimeSpan.FromMilliseconds(StationTable.AgeMilliseconds - 1));
        AssertSent(_sut, 2, B, A, [1]);
    }

    [Fact]
    public void Learning_outlasts_the_wrap_of_the_32_bit_clock()
    {
        _sut.Time.Advance(TimeSpan.FromMilliseconds((double)uint.MaxValue - 500));
        AssertSent(_sut, 1, A, B, [2, 3, 4]);
        _sut.Time.Advance(TimeSpan.FromSeconds(1));
        AssertSent(_sut, 2, B, A, [1]);
        _sut.Time.Advance(TimeSpan.FromMilliseconds(StationTable.AgeMilliseconds));
        AssertSent(_sut, 2, B, A, [1, 3, 4]);
    }

    [Fact]
    public void A_frame_for_a_station_on_its_own_port_is_filtered()
    {
        AssertSent(_sut, 1, A, B, [2, 3, 4]);
        AssertSent(_sut, 1, B, A, []);
        Assert.Equal(1, _sut.Control.Accounts.ReadDrops(DropReason.Bridge));
    }

    [Fact]
    public void Reserved_group_addresses_are_not_forwarded_and_not_learned_from()
    {
        for (ulong last = 0; last < 16; last++)
        {
            AssertSent(_sut, 1, A, 0x0180_c200_0000 | last, []);
        }
        Assert.Equal(16, _sut.Control.Accounts.ReadDrops(DropReason.Bridge));
        AssertSent(_sut, 2, B, A, [1, 3, 4]);
        AssertSent(_sut, 1, A, 0x0180_c200_0010, [2, 3, 4]);
    }

    [Fact]
    public void Group_addresses_are_never_learned_and_always_flooded()
    {
        const ulong group = 0x0100_5e00_0001;
        AssertSent(_sut, 1, group, B, [2, 3, 4]);
        AssertSent(_sut, 2, B, group, [1, 3, 4]);
        AssertSent(_sut, 2, B, 0xffff_ffff_ffff, [1, 3, 4]);
    }

    [Fact]
    public void Flooding_honours_no_flood_but_a_known_station_behind_such_a_port_is_reached()
    {
        _sut.Configure(3, PortConfig.NoFlood);
        AssertSent(_sut, 1, A, B, [2, 4]);
        AssertSent(_sut, 3, B, A, [1]);
        AssertSent(_sut, 1, A, B, [3]);
    }

    [Fact]
    public void A_station_behind_a_port_that_is_gone_is_flooded()
    {
        AssertSent(_sut, 3, B, A, [1, 2, 4]);
        Assert.Equal(ControlError.None, _sut.Control.Ports.Remove(3));
        _sut.Send(1, TestPacket.Udp(dlSrc: A, dlDst: B));
        Assert.Single(_sut.Received(2));
        Assert.Single(_sut.Received(4));
    }

    [Fact]
    public void A_port_that_is_taken_down_is_known_for_nobody()
    {
        AssertSent(_sut, 3, B, A, [1, 2, 4]);
        _sut.Configure(3, PortConfig.PortDown);
        _sut.Settle();
        AssertSent(_sut, 1, A, B, [2, 4]);
    }

    [Theory]
    [InlineData(1701)]
    [InlineData(1702)]
    [InlineData(1703)]
    public void With_links_that_come_and_go_it_knows_what_a_plain_table_would(int seed)
    {
        Random random = new(seed);
        Dictionary<ulong, ushort> known = [];
        bool[] isUp = [true, true, true, true, true];
        for (int step = 0; step < 2000; step++)
        {
            ushort port = (ushort)random.Next(1, 5);
            if (random.Next(10) == 0)
            {
                isUp[port] = !isUp[port];
                SetLink(_sut, port, isUp[port]);
                foreach (ulong station in known.Where(one => !isUp[port] && one.Value == port).Select(one => one.Key).ToList())
                {
                    known.Remove(station);
                }
                continue;
            }
            ulong source = A + (ulong)random.Next(8);
            ulong destination = A + (ulong)random.Next(8);
            if (isUp[port])
            {
                known[source] = port;
            }
            ushort[] expected = !known.TryGetValue(destination, out ushort at) ? [.. new ushort[] { 1, 2, 3, 4 }.Where(other => other != port)] : at == port ? [] : [at];
            AssertSent(_sut, port, source, destination, [.. expected.Where(other => isUp[other])]); // without a link nothing leaves
        }
    }

    [Fact]
    public void The_address_after_rewriting_decides()
    {
        using TestSwitch sut = new() { KeepsFrames = true };
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Normal));
        AssertSent(sut, 2, B, 0x0200_0000_00cc, [1, 3, 4]);
        sut.Add(FlowMatch.Any, 1, FlowAction.SetDlDst(new(B)), FlowAction.Output(PortNumber.Normal));
        sut.Send(1, TestPacket.Udp(dlSrc: A, dlDst: 0x0200_0000_00dd));
        Assert.Single(sut.Received(2));
        Assert.Empty(sut.Received(3));
    }

    [Fact]
    public void Made_up_addresses_cannot_grow_the_table_nor_push_out_a_station_that_talks()
    {
        AssertSent(_sut, 1, A, B, [2, 3, 4]);
        Random random = new(3001);
        for (int i = 0; i < 300; i++)
        {
            for (int j = 0; j < 100; j++)
            {
                Assert.True(_sut[2].TryInject(TestPacket.Udp(dlSrc: (ulong)random.NextInt64(1L << 48) & ~(1UL << 40), dlDst: 0xffff_ffff_ffff)));
            }
            // It talks every now and then: never the oldest of its bucket.
            Assert.True(_sut[1].TryInject(TestPacket.Udp(dlSrc: A, dlDst: 0xffff_ffff_ffff)));
            _sut.Time.Advance(TimeSpan.FromMilliseconds(1100));
            _sut.Settle();
            _sut.Received(1);
            _sut.Received(2);
            _sut.Received(3);
            _sut.Received(4);
            if (i % 50 == 49)
            {
                AssertSent(_sut, 3, B, A, [1]);
            }
        }
    }

    [Fact]
    public void Standalone_misses_are_bridged_without_the_controller()
    {
        using TestSwitch sut = new() { KeepsFrames = true };
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Normal;
        AssertSent(sut, 1, A, B, [2, 3, 4]);
        AssertSent(sut, 2, B, A, [1]);
        Assert.Empty(sut.PacketIns);
    }

    [Fact]
    public void A_packet_out_without_a_port_teaches_nothing()
    {
        FlowAction[] actions = [FlowAction.Output(PortNumber.Normal)];
        foreach (ushort inPort in (ushort[])[PortNumber.None, PortNumber.Controller])
        {
            Assert.Equal(ControlError.None, _sut.Control.PacketOut(FlowMod.NoBuffer, inPort, actions, TestPacket.Udp(dlSrc: A, dlDst: B)));
            _sut.Settle();
            Assert.Single(_sut.Received(1));
        }
        AssertSent(_sut, 2, B, A, [1, 3, 4]);
    }

    private static TestSwitch Bridge()
    {
        TestSwitch sut = new() { KeepsFrames = true };
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Normal));
        return sut;
    }

    private static void SetLink(TestSwitch sut, ushort port, bool up)
    {
        sut[port].SetLink(up);
        sut.Control.Ports.AnnounceLinkChange();
        sut.Settle();
        sut.Settle(); // passes that may have learned meanwhile have ended
    }

    private static void AssertSent(TestSwitch sut, ushort port, ulong source, ulong destination, ushort[] expected, ushort? vlan = null)
    {
        for (ushort number = 1; number <= 4; number++)
        {
            sut.Received(number);
        }
        byte[] frame = TestPacket.Udp(dlSrc: source, dlDst: destination, vlan: vlan);
        sut.Send(port, frame);
        for (ushort number = 1; number <= 4; number++)
        {
            Assert.Equal(expected.Contains(number) ? [frame] : [], sut.Received(number));
        }
    }
}
