using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Memory;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>Datapaths that share threads and frames.</summary>
public sealed class WorkerThreadsTests : IDisposable
{
    private static readonly DatapathOptions Options = new() { FrameCount = 4096, MaxExactEntries = 16, MaxWildcardEntries = 16, MaxEmergencyEntries = 1 };

    private readonly FramePool _frames = DatapathControl.CreateFrames(Options);
    private readonly WorkerThreads _threads = new(1, () => new EpollWaiter());
    private readonly List<(Worker Worker, Exception Failure)> _failures = [];
    private readonly List<Member> _members = [];

    public void Dispose()
    {
        _members.ForEach(member => member.Dispose());
        _threads.Dispose();
        Assert.Equal(_frames.FrameCount, _frames.FreeCount);
        Assert.Equal(_frames.LargeFrameCount, _frames.FreeLargeCount);
        _frames.Dispose();
    }

    [Fact]
    public void Each_of_many_datapaths_forwards_its_own_packets()
    {
        for (int i = 0; i < 30; i++)
        {
            Add();
        }
        for (int round = 0; round < 20; round++)
        {
            _members.ForEach(member => member.Inject());
            _members.ForEach(member => member.AwaitCollected(1));
        }
    }

    [Fact]
    public void A_datapath_with_a_flood_does_not_starve_another_that_sleeps()
    {
        Member flooded = Add(Endless());
        Member other = Add();
        Eventually.True(() => other.Datapath.Workers[0].Sleep.IsAsleep, "the idle one sleeps");
        for (int i = 0; i < 50; i++)
        {
            other.Inject();
            other.AwaitCollected(1);
        }
        Assert.False(flooded.Datapath.Workers[0].Sleep.IsAsleep);
        using (flooded.Datapath.EnterWithoutTable())
        {
            flooded.Datapath.Barriers.Finish();
        }
    }

    [Fact]
    public void However_many_datapaths_have_long_passes_another_waits_for_one_of_them()
    {
        const int rounds = 100;
        FlowAction[] many = [.. Enumerable.Repeat(FlowAction.Output(60), 8000)]; // no such port: nothing piles up
        Worker[] heavy = [.. Enumerable.Range(0, 3).Select(_ => Add(Endless(), many).Datapath.Workers[0])];
        HookedPort asked = Endless();
        Worker other = Add(asked, FlowAction.Output(60)).Datapath.Workers[0];
        Action refill = asked.OnReceive!;
        (long Own, long Heavy) begun = default;
        long between = -1;
        asked.OnReceive = () =>
        {
            refill();
            (long own, long passes) = (other.Counters.Passes, heavy.Sum(worker => worker.Counters.Passes));
            if (begun == default || !heavy.All(worker => worker.IsHeavy))
            {
                begun = (own, passes);
            }
            else if (own - begun.Own == rounds && between < 0)
            {
                Volatile.Write(ref between, passes - begun.Heavy);
            }
        };
        Eventually.True(() => Volatile.Read(ref between) >= 0, "so many short passes");
        Assert.InRange(between, 1, rounds + 1);
    }

    [Fact]
    public void What_a_worker_throws_ends_its_datapath_alone()
    {
        const string message = "this port breaks its contract";
        HookedPort faulty = new(new MemoryPort("faulty", _frames));
        Member broken = Add(faulty);
        Member other = Add();
        other.Inject();
        other.AwaitCollected(1);
        faulty.OnReceive = () => throw new InvalidOperationException(message);
        broken.Datapath.Workers[0].Wake();
        Eventually.True(() => ReadFailures().Count == 1, "the owner is told");
        (Worker worker, Exception failure) = ReadFailures()[0];
        Assert.Same(broken.Datapath.Workers[0], worker);
        Assert.Equal(message, failure.Message);
        Assert.False(worker.IsRunning);
        for (int i = 0; i < 20; i++)
        {
            other.Inject();
            other.AwaitCollected(1);
        }
        using (broken.Datapath.EnterWithoutTable())
        {
            broken.Datapath.Barriers.Finish(); // nobody waits for it
        }
        Assert.True(_threads.Remove(broken.Datapath.Workers));
        Assert.Single(ReadFailures());
    }

    [Fact]
    public void Datapaths_come_and_go_while_others_forward()
    {
        Member stays = Add();
        for (int i = 0; i < 50; i++)
        {
            Member comes = Add();
            comes.Inject();
            stays.Inject();
            comes.AwaitCollected(1);
            stays.AwaitCollected(1);
            comes.Inject(); // some packets are under way when it ends
            _members.Remove(comes);
            comes.Dispose();
        }
    }

    [Fact]
    public void Workers_that_were_removed_are_the_callers_and_run_again_when_added()
    {
        Member member = Add();
        for (int i = 0; i < 20; i++)
        {
            Assert.True(_threads.Remove(member.Datapath.Workers));
            Assert.False(member.Datapath.Workers[0].IsRunning);
            member.Inject();
            Assert.True(member.Datapath.Workers[0].PollOnce() > 0);
            member.AwaitCollected(1);
            _threads.Add(member.Datapath.Workers, NoteFailure);
            member.Inject();
            member.AwaitCollected(1);
        }
    }

    [Fact]
    public void An_idle_worker_gives_its_frames_to_those_that_need_them()
    {
        Member idle = Add();
        for (int i = 0; i < 100; i++)
        {
            idle.Inject();
            idle.AwaitCollected(1);
        }
        Eventually.True(() => idle.Datapath.Workers[0].Frames.FreeCount == 0, "it keeps none");
    }

    [Fact]
    public void A_waiter_that_cannot_be_made_leaves_no_other_behind()
    {
        List<RecordingWaiter> made = [];
        Assert.Throws<InvalidOperationException>(() => new WorkerThreads(3, () =>
        {
            if (made.Count == 2)
            {
                throw new InvalidOperationException();
            }
            made.Add(new RecordingWaiter());
            return made[^1];
        }));
        Assert.All(made, waiter => Assert.True(waiter.IsDisposed));
    }

    /// <summary>A port from which a full batch comes each time.</summary>
    private HookedPort Endless()
    {
        HookedPort port = new(new MemoryPort("endless", _frames));
        byte[] frame = TestPacket.Tcp();
        port.OnReceive = () =>
        {
            for (int n = 0; n < PacketBatch.Capacity && port.Inner.TryInject(frame); n++)
            {
                // until there is no more room
            }
        };
        return port;
    }

    private Member Add(IPortDevice? more = null, params FlowAction[] actions)
    {
        Member member = new(this, more, actions.Length == 0 ? [FlowAction.Output(2)] : actions);
        _members.Add(member);
        _threads.Add(member.Datapath.Workers, NoteFailure);
        return member;
    }

    private void NoteFailure(Worker worker, Exception failure)
    {
        lock (_failures)
        {
            _failures.Add((worker, failure));
        }
    }

    private List<(Worker Worker, Exception Failure)> ReadFailures()
    {
        lock (_failures)
        {
            return [.. _failures];
        }
    }

    /// <summary>A datapath that sends what comes in at port 1 out of port 2.</summary>
    private sealed class Member : IDisposable
    {
        private readonly WorkerThreadsTests _test;
        private readonly MemoryPort _in;
        private readonly MemoryPort _out;

        public Member(WorkerThreadsTests test, IPortDevice? more, FlowAction[] actions)
        {
            _test = test;
            Datapath = new DatapathControl(Options, test._frames);
            _in = new MemoryPort("in", test._frames);
            _out = new MemoryPort("out", test._frames);
            Assert.Equal(ControlError.None, Datapath.Ports.Add(1, _in));
            Assert.Equal(ControlError.None, Datapath.Ports.Add(2, _out));
            Assert.Equal(ControlError.None, Datapath.Apply(new FlowMod { Match = FlowMatch.Any, Actions = actions }));
            if (more != null)
            {
                Assert.Equal(ControlError.None, Datapath.Ports.Add(3, more));
            }
        }

        public DatapathControl Datapath { get; }

        public void Inject() => Assert.True(_in.TryInject(TestPacket.Tcp()));

        public void AwaitCollected(int packets)
        {
            for (int i = 0; i < packets; i++)
            {
                Packet packet = default;
                Eventually.True(() => _out.TryCollect(out packet), "the packet is forwarded");
                _out.FarFrames.Release(packet);
            }
        }

        public void Dispose()
        {
            Assert.True(_test._threads.Remove(Datapath.Workers, 60_000));
            Datapath.Dispose();
            Assert.Equal((0, 0), (Datapath.FrameQuota.Count, Datapath.FrameQuota.LargeCount));
        }
    }
}
