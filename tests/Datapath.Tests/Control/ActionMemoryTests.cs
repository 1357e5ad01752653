using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>Memory of action lists has a limit, however flow-mods and packet-outs use it.</summary>
public sealed class ActionMemoryTests : IDisposable
{
    private const int Limit = 1 << 20;
    private const int LongestList = 256 << 10;
    private const int PacketOutReserve = 4 << 20;

    // Some 16 KiB each.
    private const int Actions = 1000;
    private const int Fitting = 64;

    private readonly TestSwitch _sut = new(ports: 2, new DatapathOptions { ActionMemory = Limit });

    [Fact]
    public void Lists_beyond_the_limit_are_refused_until_others_have_gone()
    {
        Fill();
        Assert.Equal(ControlError.AllTablesFull, Add(Fitting, List(Fitting)));
        Assert.Equal(Fitting, _sut.Flows().Count);
        Assert.InRange(_sut.Control.ActionLists.UsedBytes, Limit - LongestList, Limit);
        // What costs no memory is taken still.
        Assert.Equal(ControlError.None, Add(Fitting, List(0)));
        Assert.Equal(ControlError.None, Add(Fitting + 1, [FlowAction.Output(2)]));
        Assert.Equal(ControlError.None, Add(Fitting + 2, []));
        for (int round = 0; round < 3; round++)
        {
            // No barrier between them, so the lists deleted still wait for the worker.
            Assert.Equal(ControlError.None, Apply(FlowModCommand.Delete, null, [], default));
            Fill();
        }
    }

    [Fact]
    public void With_memory_full_lists_can_be_replaced()
    {
        Fill();
        for (int i = 1; i < 500; i++)
        {
            int entry = i % Fitting;
            Assert.Equal(ControlError.None, i % 2 == 0 ? Add(entry, List(1000 + i)) : Modify(FlowModCommand.ModifyStrict, entry, List(1000 + i)));
            Assert.InRange(_sut.Control.ActionLists.UsedBytes, 1, Limit + LongestList);
        }
        Assert.Equal(ControlError.None, Modify(FlowModCommand.Modify, null, List(2000)));
        _sut.Control.Barriers.Finish();
        Assert.Equal(1, _sut.Control.ActionLists.ListCount);
        Assert.All(_sut.Flows(), flow => Assert.Equal(List(2000), flow.Actions));
    }

    [Fact]
    public void A_refused_MODIFY_changes_no_entry()
    {
        FlowAction[] longest = List(3000, ActionValidator.MaxEntryBytes / 8);
        Fill();
        for (int entry = 0; entry < 2; entry++) // what is kept for replacements holds two such lists
        {
            longest[0] = FlowAction.SetNwSrc((uint)entry);
            Assert.Equal(ControlError.None, Modify(FlowModCommand.ModifyStrict, entry, longest));
        }
        longest[0] = FlowAction.SetNwSrc(2);
        Assert.Equal(ControlError.AllTablesFull, Modify(FlowModCommand.ModifyStrict, 2, longest));
        Assert.Equal(ControlError.AllTablesFull, Modify(FlowModCommand.Modify, null, longest));
        Assert.Equal(ControlError.AllTablesFull, Add(2, longest));
        foreach (var flow in _sut.Flows().Where(flow => flow.Match.NwSrc > 1))
        {
            Assert.Equal(List((int)flow.Match.NwSrc), flow.Actions);
            Assert.Equal(flow.Match.NwSrc, flow.Cookie);
        }
        Assert.InRange(_sut.Control.ActionLists.UsedBytes, 1, Limit + LongestList);
    }

    [Fact]
    public void Emergency_entries_count_and_come_into_force_with_memory_full()
    {
        int count = 0;
        ControlError error;
        for (error = ControlError.None; error == ControlError.None; count++)
        {
            error = Add(count, List(count), FlowModFlags.Emergency);
        }
        Assert.Equal((ControlError.AllTablesFull, Fitting), (error, count - 1));
        long used = _sut.Control.ActionLists.UsedBytes;
        Assert.True(_sut.Control.Flows.Emergency.Enter());
        Assert.Equal(used, _sut.Control.ActionLists.UsedBytes); // copies share the lists
        Assert.Equal(Fitting, _sut.Flows().Count);
        Assert.Equal(ControlError.None, Add(0, List(1000), FlowModFlags.Emergency));
        Assert.Equal(ControlError.None, Apply(FlowModCommand.Delete, null, [], FlowModFlags.Emergency));
        _sut.Control.Barriers.Finish();
        Assert.Equal((0, 0L), (_sut.Control.ActionLists.ListCount, _sut.Control.ActionLists.UsedBytes));
    }

    [Fact]
    public void Packet_outs_pass_with_memory_full_and_are_bounded_too()
    {
        const int PacketOuts = 400;
        const int PlainActions = 760; // whose memory is the bound, not what packets cost
        Fill();
        byte[] frame = new byte[60];
        for (int i = 0; i < PacketOuts; i++)
        {
            Assert.Equal(ControlError.None, _sut.Control.PacketOut(FlowMod.NoBuffer, PortNumber.None, List(5000 + i, PlainActions), frame));
            Assert.InRange(_sut.Control.ActionLists.UsedBytes, 1, Limit + PacketOutReserve);
        }
        // The worker has not run: what its queue may hold was queued, the rest dropped and counted.
        int sent = PacketOuts - (int)_sut.Control.Accounts.ReadDrops(DropReason.PacketOutQueueFull);
        Assert.InRange(sent, PacketOutReserve / (Actions * FlowAction.Size) * 9 / 10, PacketOuts - 1);
        _sut.Settle();
        Assert.Equal(sent, _sut[1].Collect().Count);
        _sut.Control.Service();
        Assert.InRange(_sut.Control.ActionLists.UsedBytes, 1, Limit);
    }

    public void Dispose() => _sut.Dispose();

    private static FlowMatch Match(int entry) => FlowMatch.Any with { Wildcards = FlowMatch.Any.Wildcards & ~FlowWildcards.DlType & ~FlowWildcards.NwSrcMask, DlType = 0x0800, NwSrc = (uint)entry };

    /// <summary>Another list for each number.</summary>
    private static FlowAction[] List(int number, int length = Actions)
    {
        FlowAction[] actions = new FlowAction[length];
        actions.AsSpan().Fill(FlowAction.SetNwSrc((uint)number));
        actions[^1] = FlowAction.Output(1);
        return actions;
    }

    private void Fill()
    {
        for (int i = 0; i < Fitting; i++)
        {
            Assert.Equal(ControlError.None, Add(i, List(i)));
        }
    }

    private ControlError Add(int entry, FlowAction[] actions, FlowModFlags flags = default) => Apply(FlowModCommand.Add, entry, actions, flags);

    private ControlError Modify(FlowModCommand command, int? entry, FlowAction[] actions) => Apply(command, entry, actions, default);

    private ControlError Apply(FlowModCommand command, int? entry, FlowAction[] actions, FlowModFlags flags) => _sut.Control.Apply(new FlowMod
    {
        Command = command,
        Match = entry is { } number ? Match(number) : FlowMatch.Any,
        Priority = 1,
        Cookie = (ulong)(entry ?? 0),
        Flags = flags,
        Actions = actions,
        BufferId = FlowMod.NoBuffer,
    });
}
