using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Offload;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Offload.Writing;
using Softswitch.NetFpga.Registers;
using Softswitch.Testing.Offload;
using Softswitch.NetFpga.Tests.Emulator;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Offload;

/// <summary>E9: one frame puts the card out of step. It is noticed within a second, and mended.</summary>
public sealed class OutOfStepTests
{
    private static readonly byte[] Lying = MakeLying();

    private readonly List<string> _log = [];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_card_in_use_is_out_of_step_for_less_than_a_second_and_then_forwards_and_counts_as_before(int seed)
    {
        RandomMatches random = new(seed);
        using SwitchPair sut = new(time => new EmulatedHardware(time, OffloadLevel.On, _log.Add));
        foreach (ushort port in SwitchPair.HardwarePorts)
        {
            sut.Add(Matches.AnyFrom(port), 10, FlowAction.Output((ushort)((port % 4) + 1)));
        }
        sut.Add(Matches.Tcp(1), 0, FlowAction.Output(4));
        ulong sent = 0;
        SendFor(TimeSpan.FromSeconds(2));
        Assert.Empty(_log);

        sut.SendUnchecked(1, Lying);
        sut.SendUnchecked(3, TestPacket.Udp()); // a tagged one would bring it into step again
        sent += 2;
        TimeSpan outOfStep = TimeSpan.Zero;
        while (_log.Count == 0)
        {
            sut.SendUnchecked((ushort)random.Random.Next(1, 5), Parsed(random));
            sent++;
            sut.Time.Advance(TimeSpan.FromMilliseconds(10));
            sut.Settle();
            outOfStep += TimeSpan.FromMilliseconds(10);
            Assert.True(outOfStep < TimeSpan.FromSeconds(1), "not noticed within a second");
        }
        sut.ClearOutputs();

        Assert.Contains("out of step", Assert.Single(_log), StringComparison.Ordinal);
        SendFor(TimeSpan.FromSeconds(30));
        Assert.Single(_log);
        Assert.True(sut.KeptInHardware > 1000);
        // The frame behind the lie had no lookup, and counts nowhere; all others do once.
        Assert.Equal(sent - 1, sut.Offloaded.Flows.Aggregate(new FlowFilter(FlowMatch.Any)).PacketCount);
        sut.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any });
        sut.Both(control => control.Barriers.Finish());
        Assert.Equal(sent - 1, sut.RemovedOfOffloaded.Aggregate(0UL, (sum, removed) => sum + removed.PacketCount));

        void SendFor(TimeSpan time)
        {
            for (TimeSpan passed = TimeSpan.Zero; passed < time; passed += TimeSpan.FromMilliseconds(20))
            {
                sut.Send((ushort)random.Random.Next(1, 5), Parsed(random));
                sent++;
                sut.Time.Advance(TimeSpan.FromMilliseconds(20));
                sut.Settle();
            }
        }
    }

    [Fact]
    public void A_card_on_which_nothing_more_comes_is_mended_too_and_what_was_counted_stays()
    {
        using EmulatedHardware hardware = new(new TestTime(), OffloadLevel.On, _log.Add);
        SetUp(hardware);
        Receive(hardware, TestPacket.Tcp(0x0a000001, 0x0a000002));
        Receive(hardware, Lying);
        hardware.Offload.Service(1000);

        Assert.Single(_log);
        Assert.Equal(1UL, hardware.Offload.Read(1).Packets);
        Assert.Equal([2], Receive(hardware, TestPacket.Tcp(0x0a000001, 0x0a000002)));
        Assert.Equal(2UL, hardware.Offload.Poll(1).Packets);
    }

    /// <summary>Malformed frames of all kinds, but for those that lie about where their ports are, while another thread looks all the time.</summary>
    [Fact]
    public void A_card_in_step_is_never_blamed_whatever_comes_and_however_much()
    {
        using EmulatedHardware hardware = new(new TestTime(), OffloadLevel.On, _log.Add);
        SetUp(hardware);
        Random random = new(5);
        byte[][] frames = [.. Enumerable.Range(0, 4000).Select(_ => NaiveKey.RandomFrame(random)).Where(frame => !CardErrata.EndsBeforePorts(frame))];
        using CancellationTokenSource stop = new();
        Thread sender = new(() =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                Receive(hardware, frames[i % frames.Length], (ushort)((i % 4) + 1));
            }
        });
        sender.Start();
        for (int second = 1; second <= 500; second++)
        {
            hardware.Offload.Service(1000 * second);
        }
        Eventually.True(() => hardware.Card.Peek(CardRegisters.ExactMisses) > 1000, "frames come");
        stop.Cancel();
        sender.Join();

        Assert.Empty(_log);
    }

    [Fact]
    public void A_busy_card_is_noticed_in_the_gaps_between_bursts()
    {
        using EmulatedHardware hardware = new(new TestTime(), OffloadLevel.On, _log.Add);
        SetUp(hardware);
        Receive(hardware, Lying);
        for (int second = 1; second <= 5; second++)
        {
            for (int i = 0; i < 32; i++)
            {
                Receive(hardware, TestPacket.Udp());
            }
            hardware.Offload.Service(1000 * second);
        }

        Assert.Single(_log);
        Assert.Equal([2], Receive(hardware, TestPacket.Udp()));
    }

    /// <summary>
    /// A frame that is looked up between two looks at the counters hides that another was not. The arbiter is not read before: a reading
    /// can lose a frame.
    /// </summary>
    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    public void While_frames_keep_coming_the_next_gap_is_waited_for(int frames)
    {
        using ModelCard card = new();
        PipelineSyncMonitor sut = new(card);
        sut.Begin();
        card.Write(CardRegisters.InputArbiter, 1);
        uint came = 0;
        int readings = 0;
        card.Reading = address =>
        {
            readings += address == CardRegisters.InputArbiter ? 1 : 0;
            if (address == CardRegisters.Timer && came < frames) // what drains the pipeline reads it
            {
                card.Write(CardRegisters.ExactMisses, ++came);
                card.Write(CardRegisters.InputArbiter, came + 1);
            }
        };
        Assert.True(sut.IsOutOfStep());
        Assert.Equal(((uint)frames, 1), (came, readings));
    }

    /// <summary>Ends before lookups and after them, frames under way at every reading, ends lost in the clock of a reading.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0x7fff_f000)]
    [InlineData(3, 0xffff_f000)]
    public void Frames_on_their_way_and_ends_that_readings_lose_are_no_E9_and_hide_none_that_comes_after_a_rest(int seed, uint lookups)
    {
        using ModelCard card = new();
        PassingFrames frames = new(card, seed, lookups);
        for (int round = 0; round < 50; round++)
        {
            frames.ChangeLoad();
            PipelineSyncMonitor sut = new(card);
            sut.Begin();
            for (int look = 0; look < 10; look++)
            {
                frames.ChangeLoad();
                Assert.False(sut.IsOutOfStep(), $"round {round}, look {look}");
            }
            frames.Rest();
            Assert.False(sut.IsOutOfStep(), $"round {round}, at rest");
            frames.PassWithoutLookup();
            Assert.True(sut.IsOutOfStep(), $"round {round}, E9");
        }
        Assert.True(frames.Lost > 50, $"{frames.Lost} ends were lost");
        Assert.True(frames.Passed > 10_000, $"{frames.Passed} frames passed");
    }

    [Fact]
    public void A_card_in_step_is_not_blamed_when_its_lookups_pass_2_to_the_31_and_is_watched_further()
    {
        using EmulatedHardware hardware = new(new TestTime(), OffloadLevel.On, _log.Add);
        SetUp(hardware);
        hardware.Card.Tamper(CardRegisters.ExactMisses, int.MaxValue - 8);
        for (int second = 1; second <= 32; second++)
        {
            Receive(hardware, TestPacket.Udp());
            hardware.Offload.Service(1000 * second);
        }
        Assert.Empty(_log);
        Receive(hardware, Lying);
        hardware.Offload.Service(33_000);

        Assert.Single(_log);
    }

    /// <summary>Each reading of the arbiter loses the end of a frame; that frame has its look-up.</summary>
    [Fact]
    public void A_card_whose_count_lags_by_what_readings_lost_is_not_blamed_and_one_that_loses_its_step_then_is_mended()
    {
        using EmulatedHardware hardware = new(new TestTime(), OffloadLevel.On, _log.Add);
        SetUp(hardware);
        int lost = 0;
        hardware.Card.Fault = access =>
        {
            if (access is { IsWrite: false, Address: CardRegisters.InputArbiter })
            {
                hardware.Card.Tamper(CardRegisters.ExactMisses, hardware.Card.Peek(CardRegisters.ExactMisses) + 1);
                lost++;
            }
            return RegisterFault.None;
        };
        int second = 0;
        while (++second <= 600)
        {
            Receive(hardware, TestPacket.Udp());
            hardware.Offload.Service(1000 * second);
        }
        Assert.True(lost >= 600);
        Assert.Empty(_log);
        hardware.Card.Fault = null;
        hardware.Offload.Service(1000 * second++);
        Receive(hardware, Lying);
        hardware.Offload.Service(1000 * second);

        Assert.Contains("out of step", Assert.Single(_log), StringComparison.Ordinal);
        Assert.Equal([2], Receive(hardware, TestPacket.Udp()));
    }

    /// <summary>What was summed up until then says nothing about a card that began to count anew.</summary>
    [Theory]
    [InlineData(1200, false)]
    [InlineData(2000, false)]
    [InlineData(1200, true)]
    public void A_card_that_someone_else_reset_is_one_that_lost_its_tables_and_is_watched_further(int firstLook, bool failsOnce)
    {
        using EmulatedHardware hardware = new(new TestTime(), OffloadLevel.On, _log.Add);
        SetUp(hardware);
        for (int i = 0; i < 10; i++)
        {
            Receive(hardware, TestPacket.Udp());
        }
        hardware.Offload.Service(1000);
        hardware.Card.Reset();
        long fails = failsOnce ? hardware.Card.AccessCount + 1 : 0;
        hardware.Card.Fault = access => access.Number == fails ? RegisterFault.Lost : RegisterFault.None;
        for (int now = firstLook; now < 5000; now += 400)
        {
            hardware.Offload.Service(now);
        }
        Assert.Contains(failsOnce ? "it answers again" : "the card was reset", _log[^1], StringComparison.Ordinal);
        Assert.Equal(failsOnce ? 2 : 1, _log.Count);
        _log.Clear();
        Assert.Equal([2], Receive(hardware, TestPacket.Udp()));
        Assert.Equal(11UL, hardware.Offload.Poll(2).Packets);
        Receive(hardware, Lying);
        hardware.Offload.Service(5000);

        Assert.Contains("out of step", Assert.Single(_log), StringComparison.Ordinal);
    }

    [Fact]
    public void A_card_that_lost_its_tables_and_its_step_gets_both_again()
    {
        using EmulatedHardware hardware = new(new TestTime(), OffloadLevel.On, _log.Add);
        SetUp(hardware);
        hardware.Offload.Service(1000);
        hardware.Offload.Service(1900);
        Receive(hardware, Lying);
        hardware.Card.Flush();
        hardware.Offload.Service(2000); // for tables only
        Assert.Contains("reserved row 25 is gone", Assert.Single(_log), StringComparison.Ordinal);
        hardware.Offload.Service(2100);

        Assert.Contains("out of step", _log[^1], StringComparison.Ordinal);
        Assert.Equal([2], Receive(hardware, TestPacket.Udp()));
    }

    [Fact]
    public void A_frame_that_does_it_while_the_card_is_being_mended_is_noticed_too()
    {
        using EmulatedHardware hardware = new(new TestTime(), OffloadLevel.On, _log.Add);
        SetUp(hardware);
        Receive(hardware, Lying);
        hardware.Card.Written = write =>
        {
            if (write.Address == CardRegisters.CpciControl)
            {
                hardware.Card.Written = null;
                Receive(hardware, Lying);
            }
        };
        hardware.Offload.Service(1000);
        Assert.Single(_log);
        hardware.Offload.Service(2000);
        hardware.Offload.Service(10_000);

        Assert.Equal(2, _log.Count);
        Assert.Equal([2], Receive(hardware, TestPacket.Udp()));
    }

    [Fact]
    public void Who_does_it_again_and_again_keeps_flows_off_the_card_for_longer_and_longer_and_not_for_good()
    {
        using EmulatedHardware hardware = new(new TestTime(), OffloadLevel.On, _log.Add);
        SetUp(hardware);
        NetFpgaOffload offload = (NetFpgaOffload)hardware.Offload;
        List<bool> served = [];
        for (int second = 1; second <= 12; second++)
        {
            Receive(hardware, Lying);
            offload.Service(1000 * second);
            served.Add(offload.IdleReason == null);
        }
        Assert.Equal(12, _log.Count);
        Assert.Equal([true, false, false], served[..3]);
        Assert.EndsWith("flows in 64 s", _log[^1], StringComparison.Ordinal);
        Assert.Contains("again and again", offload.IdleReason, StringComparison.Ordinal);
        Assert.Equal([-1], Receive(hardware, TestPacket.Udp())); // by the software

        offload.Service(77_000);
        Assert.Null(offload.IdleReason);
        Assert.Equal([2], Receive(hardware, TestPacket.Udp()));
        offload.Service(300_000);
        Receive(hardware, Lying);
        offload.Service(301_000);
        Assert.Null(offload.IdleReason); // long ago
    }

    [Fact]
    public void A_register_that_fails_while_the_card_is_mended_delays_it()
    {
        for (int failing = 0; failing < 400; failing += 7)
        {
            _log.Clear();
            using EmulatedHardware hardware = new(new TestTime(), OffloadLevel.On, _log.Add);
            SetUp(hardware);
            Receive(hardware, TestPacket.Udp());
            Receive(hardware, Lying);
            long first = hardware.Card.AccessCount;
            hardware.Card.Fault = access => access.Number == first + failing ? RegisterFault.Unanswered : RegisterFault.None;
            for (int second = 1; second <= 10; second++)
            {
                hardware.Offload.Service(1000 * second);
            }

            Assert.Null(((NetFpgaOffload)hardware.Offload).IdleReason);
            Assert.Equal([2], Receive(hardware, TestPacket.Udp()));
            Assert.True(hardware.Offload.Poll(2).Packets == 2, $"access {failing}: {hardware.Offload.Read(2).Packets}; {string.Join(" | ", _log)}");
        }
    }

    [Fact]
    public void A_bitfile_whose_arbiter_does_not_count_is_left_alone()
    {
        using ModelCard card = new();
        card.Reading = address =>
        {
            if (address == CardRegisters.InputArbiter)
            {
                card.Write(address, EmulatedCard.UnknownRegister);
            }
        };
        using NetFpgaOffload offload = new(card, CardLayout.V10, OffloadLevel.On, [1, 2, 3, 4], _log.Add);
        for (int second = 1; second <= 10; second++)
        {
            offload.Service(1000 * second);
        }
        Assert.Empty(_log);
    }

    [Fact]
    public void Mending_takes_every_flow_off_resets_and_writes_it_again()
    {
        const int Loss = 1; // a reserved row is read by its number: are they lost?
        const int ReservedRows = 8 * (27 + 1); // written, and read back by a number
        const int Marks = 2;
        using EmulatedHardware hardware = new(new TestTime(), OffloadLevel.On, _log.Add);
        SetUp(hardware);
        Receive(hardware, Lying);
        List<RegisterAccess> writes = [];
        hardware.Card.Written = writes.Add;
        hardware.Offload.Service(200);

        Assert.Equal(Loss + (1 + 20) + (27 + 29) + 1 + ReservedRows + Marks, writes.Count);
        Assert.Equal((CardRegisters.CpciControl, CardRegisters.CpciReset), writes.Where(write => write.Address < 0x1000).Select(write => (write.Address, write.Value)).Single());
    }

    /// <summary>Flow 1 in a slot, flow 2 in a row: both from port 1 to port 2.</summary>
    private static void SetUp(EmulatedHardware hardware)
    {
        hardware.Offload.SetPorts(OffloadRig.PortsWith());
        hardware.Offload.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, FlowAction.Output(2)).ToEntry());
        hardware.Offload.Add(SoftwareFlow.Of(2, Matches.AnyFrom(1), 5, FlowAction.Output(2)).ToEntry());
    }

    /// <summary>The ports that copies left by, -1 for the host.</summary>
    private static List<int> Receive(EmulatedHardware hardware, byte[] frame, ushort port = 1)
    {
        List<int> left = [];
        hardware.Receive(port, frame, (number, _) => left.Add(number), (_, _) => left.Add(-1));
        return left;
    }

    private static byte[] Parsed(RandomMatches random)
    {
        byte[] frame;
        do
        {
            frame = random.NextFrame();
        }
        while (!CardErrata.IsParsed(frame) || CardErrata.IsFragment(frame));
        return frame;
    }

    private static byte[] MakeLying()
    {
        byte[] frame = [.. TestPacket.Tcp()[..54], 0, 0, 0, 0, 0, 0];
        frame[14] = 0x4f;
        return frame;
    }
}
