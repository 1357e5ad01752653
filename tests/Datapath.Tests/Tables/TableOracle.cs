using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Tables;

/// <summary>A flow table and the list that it must agree with, changed alike.</summary>
internal sealed class TableOracle(TestSwitch sut)
{
    private ulong _cookie;

    public ReferenceTable Reference { get; } = new();

    /// <summary>Where an entry sends packets that <see cref="Change"/> gave this cookie, and its actions with it.</summary>
    public static ushort PortOf(ulong cookie) => (ushort)((cookie % 100) + 1);

    public WildcardTable Wildcard => sut.Control.Table.Wildcard;

    /// <summary>Adds an entry to both; its cookie is a new one.</summary>
    public void Add(in FlowMatch match, ushort priority)
    {
        Assert.Equal(ControlError.None, sut.Control.Apply(TestSwitch.Flow(match, priority, cookie: ++_cookie)));
        Reference.Add(match, priority, _cookie);
    }

    /// <summary>Any command on both; an ADD may ask for no overlap.</summary>
    public void Change(in FlowMatch match, ushort priority, FlowModCommand command, bool checksOverlap)
    {
        FlowMod mod = TestSwitch.Flow(match, priority, command, ++_cookie) with { Actions = (FlowAction[])[FlowAction.Output(PortOf(_cookie))] };
        mod.Flags = checksOverlap ? FlowModFlags.CheckOverlap : FlowModFlags.None;
        bool refused = checksOverlap && Reference.Overlaps(match, priority);
        Assert.Equal(refused ? ControlError.Overlap : ControlError.None, sut.Control.Apply(mod));
        switch (command)
        {
            case FlowModCommand.Add when refused:
                break;
            case FlowModCommand.Add:
                Reference.Add(match, priority, _cookie);
                break;
            case FlowModCommand.Modify or FlowModCommand.ModifyStrict:
                Reference.Modify(match, command == FlowModCommand.ModifyStrict, priority, _cookie);
                break;
            default:
                Reference.Delete(match, command == FlowModCommand.DeleteStrict, priority);
                break;
        }
    }

    /// <summary>Adds one that is there already, in one of both ways that make it another, perhaps with new actions.</summary>
    public void ReplaceAny(Random random)
    {
        if (Reference.Count == 0)
        {
            return;
        }
        ReferenceTable.Entry known = Reference.Entries[random.Next(Reference.Count)];
        if (random.Next(2) == 0)
        {
            Add(known.Match, known.Priority);
            return;
        }
        FlowMod mod = TestSwitch.Flow(known.Match, known.Priority, FlowModCommand.ModifyStrict, ++_cookie);
        FlowAction[] actions = [FlowAction.Output((ushort)random.Next(1, 9))];
        mod.Actions = actions;
        Assert.Equal(ControlError.None, sut.Control.Apply(mod));
        Reference.Modify(known.Match, strict: true, known.Priority, _cookie);
    }

    public void DeleteAny(Random random)
    {
        if (Reference.Count > 0)
        {
            ReferenceTable.Entry gone = Reference.Entries[random.Next(Reference.Count)];
            Delete(gone.Match, strict: true, gone.Priority);
        }
    }

    public void Delete(in FlowMatch match, bool strict, ushort priority = 0)
    {
        FlowModCommand command = strict ? FlowModCommand.DeleteStrict : FlowModCommand.Delete;
        Assert.Equal(ControlError.None, sut.Control.Apply(TestSwitch.Flow(match, priority, command)));
        Reference.Delete(match, strict, priority);
    }

    /// <summary>Looks packets up that came in by one port, as many at once as a batch holds.</summary>
    public unsafe void CompareBatch(BatchClassifier classifier, IEnumerable<byte[]> frames, ushort inPort, string where)
    {
        byte[][] used = [.. frames.Take(PacketBatch.Capacity)];
        FlowKey* keys = stackalloc FlowKey[PacketBatch.Capacity];
        uint* found = stackalloc uint[PacketBatch.Capacity];
        for (int i = 0; i < used.Length; i++)
        {
            FlowKeyParser.Parse(used[i], inPort, out keys[i], out _);
        }
        int exact = classifier.Classify(keys, found, used.Length);
        int exactFound = 0;
        for (int i = 0; i < used.Length; i++)
        {
            ref FlowRecord record = ref sut.Control.Table.Store.Records[found[i]];
            ulong? actual = found[i] == 0 ? null : record.Cookie;
            ulong? expected = Reference.Find(ReferenceParser.Parse(used[i], inPort));
            Assert.True(expected == actual, $"{where}: {Convert.ToHexString(used[i])} in {inPort}: {expected} expected, {actual} found");
            exactFound += found[i] != 0 && record.State == FlowRecordState.Exact ? 1 : 0;
        }
        Assert.Equal(exactFound, exact);
    }

    /// <summary>All that match a packet, best first, as traces show them.</summary>
    public unsafe void CompareAll(byte[] frame, ushort inPort, int most, string where)
    {
        FlowKeyParser.Parse(frame, inPort, out FlowKey key, out _);
        ulong[] expected = [.. Reference.FindAll(ReferenceParser.Parse(frame, inPort))];
        ulong[] actual = [.. sut.Control.Flows.Entries.FindMatches(key, most, out int count).Select(index => sut.Control.Table.Store.Records[index].Cookie)];
        Assert.True(
            expected.Length == count && expected.Take(most).SequenceEqual(actual),
            $"{where}: {Convert.ToHexString(frame)} in {inPort}: {expected.Length} expected, {count} found");
    }

    public void CompareEntries(string where)
    {
        List<ulong> expected = [.. Reference.Entries.Select(entry => entry.Cookie).Order()];
        List<ulong> actual = [.. sut.Flows().Select(flow => flow.Cookie).Order()];
        Assert.True(expected.SequenceEqual(actual), $"{where}: the tables hold different entries");
    }
}
