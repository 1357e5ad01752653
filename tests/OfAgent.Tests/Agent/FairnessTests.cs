using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>One controller's commands, however long, do not lock others out and cost nobody the connection.</summary>
public sealed class FairnessTests
{
    private const int Entries = 300_000;
    private const int Deletes = 800; // they fit into one chunk that the agent reads

    private readonly TestTime _time = new();

    [Fact]
    public void Echoes_pass_deletes_that_look_at_every_entry()
    {
        using AgentHarness harness = Fill(FlowModFlags.None);
        using RawController busy = harness.Connect();
        using RawController other = harness.Connect();
        Eventually.True(
            () =>
            {
                SendDeletes(busy, first: Entries);
                return EchoUntilBarrier(other, busy, limit: 20) == 20; // they come as one chunk, and were handled as one
            },
            "many echoes pass one chunk of deletes");
        Assert.Equal((uint)Entries, other.CountFlows());
    }

    [Fact]
    public void The_agent_ends_in_the_middle_of_deletes_that_look_at_every_entry() => Eventually.True(
        () =>
        {
            using AgentHarness harness = Fill(FlowModFlags.None);
            using RawController busy = harness.Connect();
            using RawController other = harness.Connect();
            SendDeletes(busy, first: 0);
            other.Send(b => EchoMessage.WriteRequest(b, 1));
            other.Read(OfType.EchoReply);
            harness.Agent.Dispose();
            return harness.Control.ReadTable(0).ActiveCount > Entries - Deletes;
        },
        "some deletes are never done");

    [Fact]
    public async Task Of_a_delete_of_every_entry_nobody_sees_half_and_echoes_pass_it()
    {
        using AgentHarness harness = Fill(FlowModFlags.None);
        using RawController busy = harness.Connect();
        using RawController watcher = harness.Connect();
        using RawController other = harness.Connect();
        int passed = 0;
        for (int round = 0; passed < 5; round++)
        {
            Assert.True(round < 50, "echoes do not pass it");
            Add(harness, FlowModFlags.None);
            HashSet<uint> seen = [];
            Task watching = Start(() =>
            {
                while (!seen.Contains(0))
                {
                    seen.Add(watcher.CountFlows());
                }
            });
            DeleteAll(busy);
            busy.Send(b => BarrierMessage.WriteRequest(b, 1));
            passed = EchoUntilBarrier(other, busy, limit: 5);
            await watching;
            Assert.Subset<uint>(new HashSet<uint> { 0, Entries }, seen);
        }
    }

    [Fact]
    public async Task Every_end_of_300000_entries_reaches_who_deleted_them_and_who_watches_and_the_barriers_reply_comes_last()
    {
        using AgentHarness harness = Fill(FlowModFlags.SendFlowRemoved);
        using RawController deleter = harness.Connect();
        using RawController watcher = harness.Connect();
        deleter.Barrier();
        watcher.Barrier();
        int watched = 0;
        Task watching = Start(() => watched = CountFlowRemoved(watcher));
        DeleteAll(deleter);

        Assert.Equal(Entries, deleter.Barrier().Count(message => RawController.TypeOf(message) == OfType.FlowRemoved));
        await watching;
        Assert.Equal(Entries, watched);
    }

    [Fact]
    public async Task Entries_added_right_after_their_like_were_deleted_wait_for_the_reports_to_be_read()
    {
        const int capacity = 100_000; // and the 65,536 that may wait for workers
        using AgentHarness harness = Fill(FlowModFlags.SendFlowRemoved, capacity, capacity);
        using RawController deleter = harness.Connect();
        using RawController watcher = harness.Connect();
        watcher.Barrier();
        int watched = 0;
        Task watching = Start(() => watched = CountFlowRemoved(watcher, capacity));
        Task sending = Start(() =>
        {
            DeleteAll(deleter);
            AddAll(deleter, capacity);
        });
        int told = CountFlowRemoved(deleter, capacity);
        await sending;
        await watching;

        Assert.Equal((capacity, capacity), (told, watched));
        Assert.Empty(deleter.Barrier());
        Assert.Equal((uint)capacity, deleter.CountFlows());
    }

    [Fact]
    public void Nobodys_barrier_waits_for_another_that_reads_late_and_that_one_gets_every_report_too()
    {
        using AgentHarness harness = Fill(FlowModFlags.SendFlowRemoved);
        using RawController deleter = harness.Connect();
        using RawController late = ConnectToReadLate(harness);
        DeleteAll(deleter);

        Assert.Equal(Entries, deleter.Barrier().Count(message => RawController.TypeOf(message) == OfType.FlowRemoved));
        Assert.Equal(Entries, CountFlowRemoved(late));
    }

    [Fact]
    public void A_controller_that_does_not_read_is_closed_after_a_while_and_the_others_get_every_report()
    {
        using AgentHarness harness = Fill(FlowModFlags.SendFlowRemoved);
        using RawController deleter = harness.Connect();
        using RawController deaf = ConnectToReadLate(harness);
        DeleteAll(deleter);

        Assert.Equal(Entries, deleter.Barrier().Count(message => RawController.TypeOf(message) == OfType.FlowRemoved));
        AdvanceUntil(() => harness.Agent.ReadConnections().Count == 1);
        harness.WaitForLog("it does not read");
        Assert.Empty(deleter.Barrier());
    }

    [Fact]
    public void Entries_that_need_the_memory_of_what_another_does_not_read_wait_for_it_only_a_while()
    {
        using AgentHarness harness = Fill(FlowModFlags.SendFlowRemoved, capacity: Entries);
        using RawController deleter = harness.Connect();
        using RawController deaf = ConnectToReadLate(harness);
        DeleteAll(deleter);
        deleter.Barrier();
        Task adding = Start(() =>
        {
            AddAll(deleter, Entries);
            Assert.Empty(deleter.Barrier());
        });
        AdvanceUntil(() => adding.IsCompleted);

        Eventually.Ended(adding);
        Assert.Equal((uint)Entries, deleter.CountFlows());
        harness.WaitForLog("it does not read");
    }

    /// <summary>On a thread of its own; what it throws, whoever awaits it is told.</summary>
    private static Task Start(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>A switch with so many exact entries.</summary>
    private AgentHarness Fill(FlowModFlags flags, int count = Entries, int capacity = 1 << 20)
    {
        DatapathOptions datapath = new() { MaxExactEntries = capacity, MaxWildcardEntries = 16, MaxEmergencyEntries = 1 };
        AgentHarness harness = new(
            new AgentOptions { TimeProvider = _time, ProbeInterval = TimeSpan.FromHours(1) },
            flags == FlowModFlags.None ? datapath : datapath with { TimeProvider = _time });
        Add(harness, flags, count);
        return harness;
    }

    private static void Add(AgentHarness harness, FlowModFlags flags, int count = Entries)
    {
        using (harness.Control.Enter())
        {
            for (uint i = 0; i < count; i++)
            {
                Assert.Equal(ControlError.None, harness.Control.Apply(new FlowMod { Match = Exact(i), Flags = flags, Actions = [FlowAction.Output(2)] }));
            }
        }
    }

    private static FlowMatch Exact(uint number) => new()
    {
        InPort = 1,
        DlVlan = FlowMatch.VlanNone,
        DlType = EtherType.Ipv4,
        NwProto = IpProtocol.Tcp,
        NwSrc = number,
    };

    /// <summary>One chunk: deletes of which each looks at every entry and finds one or, beyond the last, none; and a barrier.</summary>
    private static void SendDeletes(RawController controller, uint first) => controller.Send(b =>
    {
        for (uint i = 0; i < Deletes; i++)
        {
            FlowMatch match = Exact(first + i) with { Wildcards = FlowWildcards.InPort };
            FlowModMessage.Write(b, 1, new FlowMod { Command = FlowModCommand.Delete, Match = match });
        }
        BarrierMessage.WriteRequest(b, 1);
    });

    /// <summary>Sends echoes, one after the other, and waits until a barrier that another asked for is answered.</summary>
    /// <returns>How many were answered before.</returns>
    private static int EchoUntilBarrier(RawController controller, RawController busy, int limit)
    {
        int count = 0;
        for (; count < limit && busy.Socket.Available == 0; count++)
        {
            controller.Send(b => EchoMessage.WriteRequest(b, 1));
            controller.Read(OfType.EchoReply);
        }
        busy.Read(OfType.BarrierReply);
        return count;
    }

    private static int CountFlowRemoved(RawController controller, int expected = Entries)
    {
        int count = 0;
        while (count < expected && controller.TryRead() is byte[] message)
        {
            count += RawController.TypeOf(message) == OfType.FlowRemoved ? 1 : 0;
        }
        return count;
    }

    private static void DeleteAll(RawController controller) =>
        controller.Send(b => FlowModMessage.Write(b, 1, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any }));

    private static void AddAll(RawController controller, int count)
    {
        for (int i = 0; i < count; i += 1000)
        {
            controller.Send(b =>
            {
                for (int flow = i; flow < i + 1000; flow++)
                {
                    FlowModMessage.Write(b, 2, new FlowMod { Match = Exact((uint)flow) });
                }
            });
        }
    }

    /// <summary>A controller for which more waits in the switch than sockets take.</summary>
    private static RawController ConnectToReadLate(AgentHarness harness)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 16 * 1024 };
        socket.Connect(IPAddress.Loopback, harness.Agent.ListenPorts[0]);
        RawController controller = new RawController(socket).Greet();
        controller.Barrier();
        return controller;
    }

    private void AdvanceUntil(Func<bool> holds) => Eventually.True(
        () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return holds();
        },
        "the switch waits no longer");
}
