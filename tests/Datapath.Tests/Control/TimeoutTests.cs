using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>Idle and hard timeouts (OpenFlow 1.0.0 §5.3.3) on a clock that the test moves: never early, at most one tick of the wheel late.</summary>
public sealed class TimeoutTests
{
    private static readonly byte[] Frame = TestPacket.Tcp();
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(TimerWheel.TickMilliseconds);

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(0, 30)]
    [InlineData(600, 0)] // more than one turn of the wheel
    [InlineData(0, 65535)]
    [InlineData(65535, 0)]
    [InlineData(5, 5)]
    [InlineData(7, 3)]
    [InlineData(3, 7)]
    public void An_entry_ends_at_its_time_and_not_before(int idle, int hard)
    {
        Random random = new(4001);
        for (int i = 0; i < 20; i++)
        {
            using TestSwitch sut = Small();
            sut.Time.Advance(TimeSpan.FromTicks(random.NextInt64(3 * TimeSpan.TicksPerSecond))); // anywhere within a tick
            sut.Control.Service();
            Add(sut, idle, hard);
            int seconds = idle == 0 ? hard : hard == 0 ? idle : Math.Min(idle, hard);
            Walk(sut, TimeSpan.FromSeconds(seconds) - TimeSpan.FromTicks(1), random);
            Assert.Single(sut.Flows());
            sut.Time.Advance(TimeSpan.FromTicks(1) + Tick);
            sut.Control.Service();
            Assert.Empty(sut.Flows());
            sut.Control.Barriers.Finish();
            FlowRemoved removed = Assert.Single(sut.Removed);
            Assert.Equal(idle != 0 && (hard == 0 || idle < hard) ? FlowRemovedReason.IdleTimeout : FlowRemovedReason.HardTimeout, removed.Reason);
            Assert.InRange(removed.Duration, TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(seconds) + Tick);
        }
    }

    [Fact]
    public void An_entry_without_timeouts_stays()
    {
        using TestSwitch sut = Small();
        Add(sut, 0, 0);
        sut.Time.Advance(TimeSpan.FromDays(400));
        sut.Control.Service();
        Assert.Single(sut.Flows());
        Assert.Equal(500, sut.Control.Service());
    }

    [Fact]
    public void Packets_restart_the_idle_timeout_but_not_the_hard_one()
    {
        using TestSwitch sut = Small();
        Add(sut, idle: 10, hard: 35);
        for (int i = 0; i < 3; i++)
        {
            sut.Time.Advance(TimeSpan.FromSeconds(9.9));
            sut.Send(1, Frame);
            Assert.Single(sut.Flows());
        }
        sut.Time.Advance(TimeSpan.FromSeconds(35 - 29.7) + Tick);
        sut.Control.Service();
        sut.Control.Barriers.Finish();
        Assert.Equal((FlowRemovedReason.HardTimeout, 3UL), (sut.Removed[0].Reason, sut.Removed[0].PacketCount));
    }

    [Fact]
    public void The_last_packet_counts_not_the_last_look()
    {
        using TestSwitch sut = Small();
        Add(sut, idle: 10, hard: 0);
        sut.Time.Advance(TimeSpan.FromSeconds(8));
        sut.Send(1, Frame);
        sut.Time.Advance(TimeSpan.FromSeconds(9.999));
        sut.Control.Service();
        Assert.Single(sut.Flows());
        sut.Time.Advance(TimeSpan.FromMilliseconds(1) + Tick);
        sut.Control.Service();
        sut.Control.Barriers.Finish();
        Assert.Equal(FlowRemovedReason.IdleTimeout, Assert.Single(sut.Removed).Reason);
    }

    [Fact]
    public void Idle_timeouts_work_across_the_wrap_of_the_workers_32_bit_clock()
    {
        using TestSwitch sut = Small();
        sut.Time.Advance(TimeSpan.FromMilliseconds(uint.MaxValue - 4_000.0));
        sut.Control.Service();
        Add(sut, idle: 10, hard: 0);
        sut.Time.Advance(TimeSpan.FromSeconds(3.9));
        sut.Send(1, Frame); // 100 ms before
        sut.Time.Advance(TimeSpan.FromSeconds(9.9));
        sut.Send(1, Frame); // after
        sut.Time.Advance(TimeSpan.FromSeconds(9.9));
        sut.Control.Service();
        Assert.Single(sut.Flows());
        sut.Time.Advance(TimeSpan.FromSeconds(0.1) + Tick);
        sut.Control.Service();
        Assert.Empty(sut.Flows());
    }

    [Fact]
    public void A_packet_before_the_service_call_saves_an_entry_that_was_nearly_due()
    {
        using TestSwitch sut = Small();
        Add(sut, idle: 1, hard: 0);
        sut.Time.Advance(TimeSpan.FromHours(1)); // nobody looked for an hour
        Assert.True(sut[1].TryInject(Frame));
        sut.Control.Workers[0].PollOnce();
        sut.Control.Service();
        Assert.Equal(1UL, Assert.Single(sut.Flows()).Packets);
    }

    [Fact]
    public void Entries_added_after_a_long_silence_of_service_are_not_early_either()
    {
        using TestSwitch sut = Small();
        sut.Time.Advance(TimeSpan.FromHours(3));
        Add(sut, idle: 0, hard: 500);
        sut.Control.Service();
        sut.Time.Advance(TimeSpan.FromSeconds(499.9));
        sut.Control.Service();
        Assert.Single(sut.Flows());
        sut.Time.Advance(Tick + Tick);
        sut.Control.Service();
        Assert.Empty(sut.Flows());
    }

    [Fact]
    public void Replacing_restarts_both_timeouts_and_reports_nothing()
    {
        using TestSwitch sut = Small();
        Add(sut, idle: 0, hard: 10);
        sut.Time.Advance(TimeSpan.FromSeconds(9));
        Add(sut, idle: 0, hard: 10);
        sut.Time.Advance(TimeSpan.FromSeconds(9.9));
        sut.Control.Service();
        Assert.Single(sut.Flows());
        sut.Time.Advance(TimeSpan.FromSeconds(0.1) + Tick);
        sut.Control.Service();
        sut.Control.Barriers.Finish();
        Assert.InRange(Assert.Single(sut.Removed).Duration, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10) + Tick);
    }

    [Fact]
    public void Thousands_of_entries_each_end_within_a_tick_of_their_time()
    {
        const int seed = 4002;
        Random random = new(seed);
        using TestSwitch sut = new(ports: 0, new DatapathOptions { MaxExactEntries = 5000, MaxWildcardEntries = 16, FrameCount = 128, LargeFrameCount = 1 });
        Dictionary<ulong, TimeSpan> due = [];
        TimeSpan now = TimeSpan.Zero;
        for (uint i = 0; i < 4000; i++)
        {
            ushort seconds = (ushort)random.Next(1, 1000);
            FlowMod mod = TestSwitch.Flow(new FlowMatch { NwSrc = i, DlType = 0x800, InPort = 1, DlVlan = FlowMatch.VlanNone }, cookie: i);
            mod.HardTimeoutSeconds = seconds;
            mod.Flags = FlowModFlags.SendFlowRemoved;
            Assert.Equal(ControlError.None, sut.Control.Apply(mod));
            due.Add(i, now + TimeSpan.FromSeconds(seconds));
            if (i % 10 == 0)
            {
                now += Step(sut, random.Next(1, 200));
            }
        }
        while (sut.Removed.Count < 4000 && now < TimeSpan.FromSeconds(2000))
        {
            int before = sut.Removed.Count;
            TimeSpan step = Step(sut, random.Next(1, 100));
            now += step;
            foreach (FlowRemoved removed in sut.Removed.Skip(before))
            {
                Assert.InRange(now - due[removed.Cookie], TimeSpan.Zero, Tick + step);
            }
        }
        Assert.Equal(4000, sut.Removed.Count);
        Assert.Empty(sut.Flows());
    }

    private static TimeSpan Step(TestSwitch sut, int milliseconds)
    {
        sut.Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        sut.Control.Service();
        return TimeSpan.FromMilliseconds(milliseconds);
    }

    private static TestSwitch Small()
    {
        TestSwitch sut = new(ports: 2, new DatapathOptions { MaxExactEntries = 64, MaxWildcardEntries = 64, FrameCount = 512, LargeFrameCount = 1 });
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        return sut;
    }

    private static void Add(TestSwitch sut, int idle, int hard)
    {
        FlowMod mod = TestSwitch.Flow(FlowMatch.Any);
        mod.Actions = new[] { FlowAction.Output(2) };
        mod.IdleTimeoutSeconds = (ushort)idle;
        mod.HardTimeoutSeconds = (ushort)hard;
        mod.Flags = FlowModFlags.SendFlowRemoved;
        Assert.Equal(ControlError.None, sut.Control.Apply(mod));
    }

    /// <summary>Advances by <paramref name="time"/> in some steps, with a look after each.</summary>
    private static void Walk(TestSwitch sut, TimeSpan time, Random random)
    {
        while (time > TimeSpan.Zero)
        {
            TimeSpan step = TimeSpan.FromTicks(Math.Min(time.Ticks, random.NextInt64(1, Math.Max(2, time.Ticks))));
            sut.Time.Advance(step);
            sut.Control.Service();
            time -= step;
        }
    }
}
