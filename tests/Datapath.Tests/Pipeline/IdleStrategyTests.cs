using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Tests.Pipeline;

public sealed class IdleStrategyTests
{
    private const long Long = 10 * TimeSpan.TicksPerMillisecond;

    [Fact]
    public void Every_port_is_told_of_a_sleep_and_one_with_packets_prevents_it()
    {
        var sleep = new Recorder();
        IdleStrategy idle = new(() => false) { Waiter = sleep };
        Door quiet = new(7);
        Door busy = new(9);
        ReceiveQueue[] queues = [new(null!, quiet, 0), new(null!, busy, 0)];
        idle.Wait(queues, Long);
        Assert.Equal((1, 1), (quiet.Armed, busy.Armed));
        Assert.Equal([[7, 9]], sleep.Descriptors);
        busy.HasPackets = true;
        idle.Wait(queues, Long);
        Assert.Equal((2, 2), (quiet.Armed, busy.Armed));
        Assert.Single(sleep.Descriptors);
        Assert.False(idle.IsAsleep);
        busy.HasPackets = false;
        idle.Wait(queues, Long);
        Assert.Equal(2, sleep.Descriptors.Count);
    }

    [Fact]
    public void A_port_is_not_told_of_a_sleep_that_other_work_prevents()
    {
        var sleep = new Recorder();
        IdleStrategy idle = new(() => true) { Waiter = sleep };
        Door door = new(7);
        idle.Wait([new(null!, door, 0)], Long);
        Assert.Equal(0, door.Armed);
        Assert.Empty(sleep.Descriptors);
    }

    [Fact]
    public void A_port_is_not_told_of_a_sleep_that_is_none()
    {
        IdleStrategy idle = new(() => false) { Waiter = new Recorder(sleeps: false) };
        Door door = new(7);
        idle.Wait([new(null!, door, 0)], Long);
        Assert.Equal(0, door.Armed);
        Assert.Equal(0u, idle.Sleeps);
    }

    private sealed class Door(int descriptor) : IPort
    {
        public int Armed { get; private set; }

        public bool HasPackets { get; set; }

        public int PollDescriptor => descriptor;

        public bool Arm()
        {
            Armed++;
            return !HasPackets;
        }

        public int Receive(PacketBatch batch, FrameCache frames) => 0;

        public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames) => 0;
    }

    private sealed class Recorder(bool sleeps = true) : IWaiter
    {
        public bool Sleeps => sleeps;

        public List<int[]> Descriptors { get; } = [];

        public void Wait(ReadOnlySpan<int> descriptors, int timeoutMicroseconds) => Descriptors.Add([.. descriptors]);

        public void Wake()
        {
        }

        public void Dispose()
        {
        }
    }
}
