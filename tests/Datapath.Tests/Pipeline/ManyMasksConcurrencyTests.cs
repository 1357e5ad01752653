using System.Buffers.Binary;
using System.Numerics;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tests.Tables;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>A worker at full speed while entries of hundreds of masks come and go, none of which changes what its packets find.</summary>
public sealed class ManyMasksConcurrencyTests
{
    private const int Stable = 250;
    private const int Passing = 2400;
    private const int Changes = 12_000;
    private const int MostOutstanding = 300;
    private const ushort LeastStable = 20_000;

    [Theory]
    [InlineData(8, 1)] // a cache without room: nearly every packet is searched for
    [InlineData(8, 2)]
    [InlineData(1024, 3)]
    public void Every_packet_finds_the_same_entry_all_the_while(int cacheCapacity, int seed)
    {
        using TestSwitch sut = new(ports: 2, new DatapathOptions { FlowCacheCapacity = cacheCapacity });
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        NearMisses misses = new(new NearMissStyle("concurrent", Packets: 40, Share: 0.3, LeastPrefix: 0, MostPrefix: 32, MostWrong: 1), seed);
        byte[][] frames = [.. MakeFrames(misses).Take(150)];
        FlowMatch[] packets = [.. frames.Select(frame => ReferenceParser.Parse(frame, 1))];

        ReferenceTable reference = new();
        ushort installed = 0;
        Install(FlowMatch.Any, LeastStable - 1);
        for (int i = 0; i < Stable; i++)
        {
            // The narrower the higher, or a few wide ones would treat all packets.
            FlowMatch match = misses.NextMatch();
            Install(match, (ushort)(LeastStable + (1000 * BitOperations.PopCount((uint)(FlowWildcards.All & ~match.Wildcards))) + i));
        }
        ushort[] expected = [.. packets.Select(packet => (ushort)reference.Find(packet)!.Value)];
        Assert.True(expected.Distinct().Count() > 10, $"packets find different entries: {expected.Distinct().Count()}");

        // Below what is found, or above and matching none of the packets.
        List<(FlowMatch Match, ushort Priority)> passing = [];
        while (passing.Count < Passing)
        {
            FlowMatch match = misses.NextMatch();
            bool isAbove = misses.Random.Next(2) == 0 && !packets.Any(packet => ReferenceTable.Matches(match, packet));
            if (!MatchNormalizer.Normalize(match, out _, out _))
            {
                passing.Add((match, (ushort)(isAbove ? 60_000 + passing.Count : passing.Count)));
            }
        }
        bool[] isThere = new bool[Passing];
        int outstanding = 0;
        int sent = 0;
        int masks = 0;
        using (new RunningWorkers(sut.Control))
        {
            for (int change = 0; change < Changes; change++)
            {
                // Now more come, now more go.
                int at = misses.Random.Next(Passing);
                bool comes = misses.Random.Next(4) > 0 == (change / 4000 % 2 == 0);
                if (comes != isThere[at])
                {
                    (FlowMatch match, ushort priority) = passing[at];
                    FlowModCommand command = comes ? FlowModCommand.Add : FlowModCommand.DeleteStrict;
                    Assert.Equal(ControlError.None, sut.Control.Apply(TestSwitch.Flow(match, priority, command)));
                    isThere[at] = comes;
                    masks = Math.Max(masks, sut.Control.Table.Wildcard.MaskCount);
                }
                for (int i = 0; i < 3 && outstanding < MostOutstanding; i++, sent++, outstanding++)
                {
                    Assert.True(sut[1].TryInject(frames[sent % frames.Length]));
                }
                Collect();
            }
            Eventually.True(
                () =>
                {
                    Collect();
                    return outstanding == 0;
                },
                "all packets have come out");
            sut.Control.Barriers.Finish();
        }
        Assert.True(masks > 900, $"{masks} masks are not many");
        Assert.Equal(0, sut.Control.Accounts.ReadDrops(DropReason.Miss));
        sut.AssertNoFrameLost();

        void Install(FlowMatch match, ushort priority)
        {
            ushort number = ++installed;
            if (!MatchNormalizer.Normalize(match, out _, out _))
            {
                FlowAction[] actions = [FlowAction.SetDlDst(new MacAddress(number)), FlowAction.Output(2)];
                Assert.Equal(ControlError.None, sut.Add(match, priority, actions));
                reference.Add(match, priority, number);
            }
        }

        void Collect()
        {
            foreach (byte[] frame in sut.Received(2))
            {
                outstanding--;
                int which = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(IdentificationOf(frame)));
                ulong found = new MacAddress(frame).Value;
                Assert.True(expected[which] == found, $"packet {which} by entry {found}, not {expected[which]}");
            }
        }
    }

    /// <summary>IPv4 packets of port 1, numbered in a field that no entry compares.</summary>
    private static IEnumerable<byte[]> MakeFrames(NearMisses misses)
    {
        for (ushort number = 0; ;)
        {
            (byte[] frame, ushort inPort) = misses.NextFrame();
            if (inPort == 1 && ReferenceParser.Parse(frame, inPort).DlType == EtherType.Ipv4)
            {
                BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(IdentificationOf(frame)), number++);
                yield return frame;
            }
        }
    }

    private static int IdentificationOf(byte[] frame) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) == EtherType.Vlan ? 22 : 18;
}
