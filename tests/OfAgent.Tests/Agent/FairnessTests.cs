using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>One controller's commands, however long, do not lock others out and cost nobody the connection. Times are of processors, and many times what is aimed at.</summary>
public sealed class FairnessTests
{
    private const int Million = 1_000_000;
    private const int Reported = 300_000;

    [Fact]
    public async Task Echoes_pass_deletes_that_look_at_a_million_entries_and_the_agent_ends_in_the_middle_of_them()
    {
        const int deletes = 200;
        using AgentHarness harness = Fill(Million, FlowModFlags.None);
        using RawController busy = harness.Connect();
        using RawController other = harness.Connect();
        Task deleting = Start(() =>
        {
            SendDeletes(busy, deletes);
            busy.Barrier();
        });
        (int echoes, TimeSpan longest) = EchoWhile(other, () => !deleting.IsCompleted);
        await deleting;

        Assert.InRange(echoes, 20, int.MaxValue); // they come as one chunk, and were handled as one
        Assert.InRange(longest, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        SendDeletes(busy, deletes);
        var end = ProcessorTime.Start();
        harness.Agent.Dispose();
        Assert.InRange(end.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task Of_a_delete_of_a_million_entries_nobody_sees_half_and_echoes_pass_it()
    {
        using AgentHarness harness = Fill(Million, FlowModFlags.None);
        using RawController busy = harness.Connect();
        using RawController watcher = harness.Connect();
        using RawController other = harness.Connect();
        HashSet<uint> seen = [];
        Task watching = Start(() =>
        {
            while (!seen.Contains(0))
            {
                seen.Add(CountFlows(watcher));
            }
        });
        busy.Send(b => FlowModMessage.Write(b, 1, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any }));
        (_, TimeSpan longest) = EchoWhile(other, () => !watching.IsCompleted);
        await watching;

        Assert.Subset<uint>(new HashSet<uint> { 0, Million }, seen);
        Assert.InRange(longest, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.Empty(busy.Barrier());
    }

    [Fact]
    public async Task Every_end_of_300000_entries_reaches_who_deleted_them_and_who_watches_and_the_barriers_reply_comes_last()
    {
        using AgentHarness harness = Fill(Reported, FlowModFlags.SendFlowRemoved);
        using RawController deleter = harness.Connect();
        using RawController watcher = harness.Connect();
        deleter.Barrier();
        watcher.Barrier();
        int watched = 0;
        Task watching = Start(() => watched = CountFlowRemoved(watcher));
        deleter.Send(b => FlowModMessage.Write(b, 1, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any }));

        Assert.Equal(Reported, deleter.Barrier().Count(message => RawController.TypeOf(message) == OfType.FlowRemoved));
        await watching;
        Assert.Equal(Reported, watched);
    }

    [Fact]
    public async Task Entries_added_right_after_their_like_were_deleted_wait_for_the_reports_to_be_read()
    {
        const int capacity = 100_000; // and the 65,536 that may wait for workers
        using AgentHarness harness = Fill(capacity, FlowModFlags.SendFlowRemoved, capacity);
        using RawController deleter = harness.Connect();
        using RawController watcher = harness.Connect();
        watcher.Barrier();
        int watched = 0;
        Task watching = Start(() => watched = CountFlowRemoved(watcher, capacity));
        Task sending = Start(() =>
        {
            deleter.Send(b => FlowModMessage.Write(b, 1, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any }));
            for (int i = 0; i < capacity; i += 1000)
            {
                deleter.Send(b =>
                {
                    for (int flow = i; flow < i + 1000; flow++)
                    {
                        FlowModMessage.Write(b, 2, new FlowMod { Match = Exact((uint)flow) });
                    }
                });
            }
        });
        int told = CountFlowRemoved(deleter, capacity);
        await sending;
        await watching;

        Assert.Equal((capacity, capacity), (told, watched));
        Assert.Empty(deleter.Barrier());
        Assert.Equal((uint)capacity, CountFlows(deleter));
    }

    [Fact]
    public void A_controller_that_does_not_read_is_closed_and_the_others_get_every_report()
    {
        using AgentHarness harness = Fill(Reported, FlowModFlags.SendFlowRemoved);
        using RawController deleter = harness.Connect();
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 16 * 1024 };
        socket.Connect(IPAddress.Loopback, harness.Agent.ListenPorts[0]);
        using RawController deaf = new RawController(socket).Greet();
        deaf.Barrier();
        deleter.Send(b => FlowModMessage.Write(b, 1, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any }));

        Assert.Equal(Reported, deleter.Barrier().Count(message => RawController.TypeOf(message) == OfType.FlowRemoved));
        harness.WaitForLog("it does not read");
        Assert.Empty(deleter.Barrier());
    }

    [Fact]
    public void Nobodys_barrier_waits_for_another_that_reads_slowly_and_that_one_gets_every_report_too()
    {
        using AgentHarness harness = Fill(Reported, FlowModFlags.SendFlowRemoved);
        using RawController deleter = harness.Connect();
        using SlowReader slow = new(harness);
        deleter.Send(b => FlowModMessage.Write(b, 1, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any }));

        Assert.Equal(Reported, deleter.Barrier().Count(message => RawController.TypeOf(message) == OfType.FlowRemoved));
        Assert.InRange(slow.Count, 0, Reported / 2);
        Assert.Equal(Reported, slow.Hurry());
    }

    [Fact]
    public void Entries_that_need_the_memory_of_what_another_reads_slowly_do_not_wait_for_all_of_it()
    {
        using AgentHarness harness = Fill(Reported, FlowModFlags.SendFlowRemoved, Reported);
        using RawController deleter = harness.Connect();
        using SlowReader slow = new(harness);
        deleter.Send(b => FlowModMessage.Write(b, 1, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any }));
        deleter.Barrier();
        for (int i = 0; i < Reported; i += 1000)
        {
            deleter.Send(b =>
            {
                for (int flow = i; flow < i + 1000; flow++)
                {
                    FlowModMessage.Write(b, 2, new FlowMod { Match = Exact((uint)flow) });
                }
            });
        }
        Assert.Empty(deleter.Barrier());
        Assert.Equal((uint)Reported, CountFlows(deleter));
        harness.WaitForLog("it does not read");
    }

    /// <summary>On a thread of its own; what it throws, whoever awaits it is told.</summary>
    private static Task Start(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>A switch with so many exact entries.</summary>
    private static AgentHarness Fill(int count, FlowModFlags flags, int capacity = 1 << 20)
    {
        AgentHarness harness = new(null, new DatapathOptions { MaxExactEntries = capacity, MaxWildcardEntries = 16, MaxEmergencyEntries = 1 });
        using (harness.Control.Enter())
        {
            for (uint i = 0; i < count; i++)
            {
                Assert.Equal(ControlError.None, harness.Control.Apply(new FlowMod { Match = Exact(i), Flags = flags, Actions = [FlowAction.Output(2)] }));
            }
        }
        return harness;
    }

    private static FlowMatch Exact(uint number) => new()
    {
        InPort = 1,
        DlVlan = FlowMatch.VlanNone,
        DlType = EtherType.Ipv4,
        NwProto = IpProtocol.Tcp,
        NwSrc = number,
    };

    /// <summary>Each looks at every entry and finds none.</summary>
    private static void SendDeletes(RawController controller, int count) => controller.Send(b =>
    {
        FlowMatch match = FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = 77 };
        for (int i = 0; i < count; i++)
        {
            FlowModMessage.Write(b, 1, new FlowMod { Command = FlowModCommand.Delete, Match = match });
        }
    });

    private static (int Count, TimeSpan Longest) EchoWhile(RawController controller, Func<bool> condition)
    {
        int count = 0;
        TimeSpan longest = TimeSpan.Zero;
        while (condition())
        {
            var start = ProcessorTime.Start();
            controller.Send(b => EchoMessage.WriteRequest(b, 1));
            controller.Read(OfType.EchoReply);
            TimeSpan taken = start.Elapsed;
            longest = taken > longest ? taken : longest;
            count++;
        }
        return (count, longest);
    }

    private static uint CountFlows(RawController controller)
    {
        controller.Send(b => AggregateStatsMessage.WriteRequest(b, 1, new FlowFilter(FlowMatch.Any)));
        Assert.True(StatsMessage.TryDecode(controller.Read(OfType.StatsReply), out _, out _, out ReadOnlySpan<byte> body, out _));
        Assert.True(AggregateStatsMessage.TryReadEntry(ref body, out AggregateStatistics total));
        return total.FlowCount;
    }

    private static int CountFlowRemoved(RawController controller, int expected = Reported)
    {
        int count = 0;
        while (count < expected && controller.TryRead() is byte[] message)
        {
            count += RawController.TypeOf(message) == OfType.FlowRemoved ? 1 : 0;
        }
        return count;
    }

    /// <summary>A controller that reads all the time, but no more than some 200 KB in a second.</summary>
    private sealed class SlowReader : IDisposable
    {
        private readonly RawController _controller;
        private readonly Thread _reading;
        private volatile bool _hurries;
        private volatile int _count;

        public SlowReader(AgentHarness harness)
        {
            Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 16 * 1024 };
            socket.Connect(IPAddress.Loopback, harness.Agent.ListenPorts[0]);
            _controller = new RawController(socket).Greet();
            _controller.Barrier();
            _reading = new Thread(Read);
            _reading.Start();
        }

        /// <summary>Flow-removed read.</summary>
        public int Count => _count;

        /// <summary>Reads the rest as fast as it comes.</summary>
        public int Hurry()
        {
            _hurries = true;
            _reading.Join();
            return _count;
        }

        public void Dispose()
        {
            Hurry();
            _controller.Dispose();
        }

        private void Read()
        {
            try
            {
                while (_count < Reported && _controller.TryRead() is byte[] message)
                {
                    _count += RawController.TypeOf(message) == OfType.FlowRemoved ? 1 : 0;
                    if (!_hurries && _count % 50 == 0)
                    {
                        Thread.Sleep(20);
                    }
                }
            }
            catch (SocketException)
            {
                // the switch closed with bytes unread
            }
        }
    }
}
