using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Tests.Pipeline;

public sealed class IdleStrategyTests
{
    private const int Slot = 3;
    private const long Microsecond = TimeSpan.TicksPerMicrosecond;
    private const long Long = 10 * TimeSpan.TicksPerMillisecond;

    private readonly IdleStrategy _idle = Begin(new RecordingWaiter());

    [Fact]
    public void Every_port_is_told_of_a_sleep_and_one_with_packets_prevents_it()
    {
        var waiter = new RecordingWaiter();
        IdleStrategy idle = Begin(waiter);
        Door quiet = new(7);
        Door busy = new(9);
        ReceiveQueue[] queues = [QueueOf(quiet), QueueOf(busy)];
        Assert.True(idle.TryFallAsleep(queues, Long));
        Assert.Equal((1, 1), (quiet.Armed, busy.Armed));
        Assert.Equal([(7, Slot), (9, Slot)], waiter.Watched);
        idle.EndSleep(isDue: false);
        busy.HasPackets = true;
        Assert.False(idle.TryFallAsleep(queues, Long));
        Assert.Equal((2, 2), (quiet.Armed, busy.Armed));
        Assert.False(idle.IsAsleep);
        busy.HasPackets = false;
        Assert.True(idle.TryFallAsleep(queues, Long));
        Assert.Equal(0, waiter.Unwatched); // the kernel was told once
    }

    [Fact]
    public void A_port_is_not_told_of_a_sleep_that_other_work_prevents()
    {
        IdleStrategy idle = Begin(new RecordingWaiter(), hasWork: true);
        Door door = new(7);
        Assert.False(idle.TryFallAsleep([QueueOf(door)], Long));
        Assert.Equal(0, door.Armed);
    }

    [Fact]
    public void A_port_is_not_told_of_a_sleep_that_is_none()
    {
        IdleStrategy idle = Begin(new RecordingWaiter(sleeps: false));
        Door door = new(7);
        Assert.False(idle.TryFallAsleep([QueueOf(door)], Long));
        Assert.Equal(0, door.Armed);
        Assert.Equal(0u, idle.Sleeps);
    }

    [Fact]
    public void Nothing_is_watched_for_a_worker_with_lasting_traffic_and_all_again_when_it_sleeps()
    {
        var waiter = new RecordingWaiter();
        IdleStrategy idle = Begin(waiter);
        ReceiveQueue[] queues = [QueueOf(new Door(7)), QueueOf(new Door(-1)), QueueOf(new Door(9))];
        Assert.True(idle.TryFallAsleep(queues, Long));
        idle.EndSleep(isDue: false);
        for (int i = 0; i < 100_000; i++)
        {
            idle.NoteBusyPass(i);
        }
        Assert.Equal(2, waiter.Unwatched);
        Assert.Empty(waiter.Watched);
        Assert.True(idle.TryFallAsleep(queues, Long));
        Assert.Equal([(7, Slot), (9, Slot)], waiter.Watched);
    }

    [Fact]
    public void A_port_whose_descriptor_becomes_another_is_watched_by_the_new_one()
    {
        var waiter = new RecordingWaiter();
        IdleStrategy idle = Begin(waiter);
        Door door = new(7);
        ReceiveQueue[] queues = [QueueOf(door)];
        Assert.True(idle.TryFallAsleep(queues, Long));
        idle.EndSleep(isDue: false);
        door.PollDescriptor = 8;
        Assert.True(idle.TryFallAsleep(queues, Long));
        Assert.Equal([(8, Slot)], waiter.Watched);
    }

    [Fact]
    public void Whoever_wakes_a_sleeper_tells_its_thread_once_until_that_has_taken_notice()
    {
        List<IdleStrategy> woken = [];
        var waiter = new RecordingWaiter();
        IdleStrategy idle = new(() => false);
        idle.Begin(waiter, woken.Add, Slot);
        idle.Wake();
        Assert.Empty(woken); // it does not sleep
        Assert.True(idle.TryFallAsleep([], Long));
        idle.Wake();
        idle.Wake();
        Assert.Single(woken);
        idle.TakeWake();
        idle.Wake();
        Assert.Equal(2, woken.Count);
        idle.End();
        idle.TakeWake();
        idle.Wake();
        Assert.Equal(2, woken.Count);
    }

    [Fact]
    public void A_worker_rests_once_a_whole_sleep_brought_nothing()
    {
        Assert.True(_idle.TryFallAsleep([], Long));
        _idle.EndSleep(isDue: true);
        Assert.True(_idle.IsResting);
        Assert.True(_idle.NoteIdlePass(0)); // one look is enough
        _idle.NoteBusyPass(0);
        Assert.False(_idle.IsResting);
    }

    [Fact]
    public void A_worker_that_packets_wake_soon_spins_for_twice_the_gap_from_then_on()
    {
        Assert.Equal(IdleStrategy.PassesBeforeSleep, PassesUntilSleep(_idle, 1000));
        Wake(_idle, 1000 + (40 * Microsecond));
        Assert.Equal(80 + 1, PassesUntilSleep(_idle, 2000));
    }

    [Fact]
    public void No_gaps_make_a_worker_spin_without_end()
    {
        long now = 1000;
        for (int i = 0; i < 10; i++)
        {
            int passes = PassesUntilSleep(_idle, now);
            Assert.InRange(passes, IdleStrategy.PassesBeforeSleep, 100 + 1);
            Wake(_idle, now += passes * Microsecond);
        }
    }

    [Fact]
    public void Long_gaps_make_a_worker_spin_for_less_again()
    {
        PassesUntilSleep(_idle, 1000);
        Wake(_idle, 1000 + (100 * Microsecond));
        Assert.Equal(100 + 1, PassesUntilSleep(_idle, 5000));
        Wake(_idle, 5000 + (101 * Microsecond));
        Assert.Equal(IdleStrategy.PassesBeforeSleep, PassesUntilSleep(_idle, 10_000));
    }

    [Fact]
    public void A_worker_does_not_spin_on_while_others_have_use_for_its_processor()
    {
        PassesUntilSleep(_idle, 1000);
        Wake(_idle, 1000 + (100 * Microsecond));
        long now = 5000;
        for (int i = 0; i < IdleStrategy.PassesBeforeSleep; i++)
        {
            Assert.False(_idle.NoteIdlePass(now++));
        }
        Assert.True(_idle.NoteIdlePass(now + (11 * Microsecond)));
    }

    /// <summary>Passes of a microsecond each that move nothing, the first at <paramref name="now"/>, until the worker sleeps.</summary>
    private static int PassesUntilSleep(IdleStrategy idle, long now)
    {
        int passes = 1;
        for (; !idle.NoteIdlePass(now); now += Microsecond)
        {
            passes++;
        }
        Assert.True(idle.TryFallAsleep([], Long));
        return passes;
    }

    private static void Wake(IdleStrategy idle, long now)
    {
        idle.EndSleep(isDue: false);
        idle.NoteBusyPass(now);
    }

    private static IdleStrategy Begin(IWaiter waiter, bool hasWork = false)
    {
        IdleStrategy idle = new(() => hasWork);
        idle.Begin(waiter, _ => { }, Slot);
        return idle;
    }

    private static ReceiveQueue QueueOf(Door door) => new(null!, door, null!, IsAsked: false);

    private sealed class Door(int descriptor) : IPort
    {
        public int Armed { get; private set; }

        public bool HasPackets { get; set; }

        public int PollDescriptor { get; set; } = descriptor;

        public bool Arm()
        {
            Armed++;
            return !HasPackets;
        }

        public int Receive(PacketBatch batch, FrameCache frames) => 0;

        public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames) => 0;
    }
}
