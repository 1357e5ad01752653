using Softswitch.Datapath.Actions;
using Softswitch.Datapath.Classification;
using Softswitch.Datapath.Control;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Classification;

/// <summary>The flow table against a list searched from end to end, through random additions, changes and deletions.</summary>
public sealed class FlowTableOracleTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 8)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Table_treats_every_packet_as_the_list_does(int seed)
    {
        using TestSwitch sut = new(ports: 0);
        ReferenceTable reference = new();
        RandomMatches random = new(seed);
        ulong cookie = 0;
        for (int round = 0; round < 60; round++)
        {
            for (int i = 0; i < 40; i++)
            {
                ChangeBoth(sut.Control, reference, random, ++cookie);
            }
            CompareEntries(sut, reference, seed);
            for (int i = 0; i < 60; i++)
            {
                byte[] frame = random.NextFrame();
                ushort inPort = (ushort)random.Random.Next(1, 4);
                ulong? expected = reference.Find(ReferenceParser.Parse(frame, inPort));
                ulong? actual = FindCookie(sut, frame, inPort);
                Assert.True(expected == actual, $"seed {seed}, round {round}: {Convert.ToHexString(frame)} in {inPort}: {expected} expected, {actual} found");
            }
        }
    }

    [Fact]
    public void A_hundred_thousand_entries_are_all_found_and_all_gone_after_their_deletion()
    {
        const int count = 100_000;
        using TestSwitch sut = new(ports: 0);
        for (uint i = 0; i < count; i++)
        {
            Assert.Equal(ControlError.None, sut.Control.Apply(TestSwitch.Flow(ExactMatch(i), cookie: i + 1)));
        }
        Assert.Equal((uint)count, sut.Control.ReadTable(0).ActiveCount);
        for (uint i = 0; i < count; i += 7)
        {
            Assert.Equal(i + 1, FindCookie(sut, TestPacket.Tcp(src: i, srcPort: 5, dstPort: 6, payload: 0), 1));
        }
        for (uint i = 0; i < count; i++)
        {
            sut.Control.Apply(TestSwitch.Flow(ExactMatch(i), command: FlowModCommand.DeleteStrict));
        }
        Assert.Equal(0u, sut.Control.ReadTable(0).ActiveCount);
        Assert.Null(FindCookie(sut, TestPacket.Tcp(src: 77, srcPort: 5, dstPort: 6, payload: 0), 1));
        Assert.Empty(sut.Flows());
    }

    private static FlowMatch ExactMatch(uint i) => ReferenceParser.Parse(TestPacket.Tcp(src: i, srcPort: 5, dstPort: 6, payload: 0), 1);

    private static void ChangeBoth(DatapathControl control, ReferenceTable reference, RandomMatches random, ulong cookie)
    {
        FlowMatch match = random.NextMatch();
        ushort priority = (ushort)random.Random.Next(4);
        // Sometimes aim at an entry that exists.
        if (reference.Count > 0 && random.Random.Next(3) == 0)
        {
            ReferenceTable.Entry known = reference.Entries[random.Random.Next(reference.Count)];
            match = known.Match;
            priority = known.Priority;
        }
        FlowModCommand command = random.Random.Next(12) switch
        {
            < 6 => FlowModCommand.Add,
            < 7 => FlowModCommand.Modify,
            < 9 => FlowModCommand.ModifyStrict,
            < 10 => FlowModCommand.Delete,
            _ => FlowModCommand.DeleteStrict,
        };
        FlowMod mod = TestSwitch.Flow(match, priority, command, cookie);
        FlowAction[] actions = [FlowAction.Output((ushort)((cookie % 100) + 1))];
        mod.Actions = actions;
        Assert.Equal(ControlError.None, control.Apply(mod));
        switch (command)
        {
            case FlowModCommand.Add:
                reference.Add(match, priority, cookie);
                break;
            case FlowModCommand.Modify or FlowModCommand.ModifyStrict:
                reference.Modify(match, command == FlowModCommand.ModifyStrict, priority, cookie);
                break;
            default:
                reference.Delete(match, command == FlowModCommand.DeleteStrict, priority);
                break;
        }
    }

    private static void CompareEntries(TestSwitch sut, ReferenceTable reference, int seed)
    {
        List<ulong> expected = [.. reference.Entries.Select(e => e.Cookie).Order()];
        List<ulong> actual = [.. sut.Flows().Select(f => f.Cookie).Order()];
        Assert.True(expected.SequenceEqual(actual), $"seed {seed}: the tables hold different entries");
    }

    private static unsafe ulong? FindCookie(TestSwitch sut, byte[] frame, ushort inPort)
    {
        FlowKey key;
        PacketLayout layout;
        fixed (byte* data = frame)
        {
            FlowKeyParser.Parse(data, frame.Length, inPort, &key, &layout);
        }
        uint index = sut.Control.Table.Find(key);
        return index == 0 ? null : sut.Control.Table.Store.Records[index].Cookie;
    }
}
