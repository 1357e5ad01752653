using System.Buffers.Binary;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Tables;
using Softswitch.Datapath.Tests.Tables;
using Softswitch.Testing;

namespace Softswitch.Fuzz.Tests.Targets;

/// <summary>Flow-mods of hundreds of masks to a flow table: every packet finds what a list searched from end to end has for it.</summary>
internal sealed class TableTarget : IFuzzTarget
{
    private const int Seeds = 1 << 30;
    private const int MostRecords = 8;
    private const int PacketsAfterEach = 12;

    // Record kinds: what packets are like, or so many changes of one sort. Each has a seed of its own, so that records can be left out.
    private const int Style = 0;
    private const int Add = 1;
    private const int Replace = 2;
    private const int Delete = 3;
    private const int DeleteCovered = 4;
    private const int Kinds = 5;

    public string Name => "table";

    public byte[] Generate(Random random)
    {
        List<byte> input = [.. Make(Style, random, random.Next(NearMissStyle.All.Count)), .. Make(Add, random, random.Next(256))];
        for (int count = random.Next(MostRecords); count > 0; count--)
        {
            input.AddRange(Make(random.Next(3) == 0 ? Add : random.Next(Kinds), random, random.Next(128)));
        }
        return [.. input];
    }

    public IReadOnlyList<byte[]> Split(byte[] input) => Records.Split(input);

    public void Check(byte[] input)
    {
        using TestSwitch sut = new(ports: 0, new DatapathOptions { MaxExactEntries = 4096, MaxWildcardEntries = 4096 });
        using BatchClassifier uncached = new(sut.Control.Table, cacheCapacity: 0);
        using BatchClassifier cached = new(sut.Control.Table, cacheCapacity: 64);
        TableOracle oracle = new(sut);
        NearMisses misses = new(NearMissStyle.All[0], seed: 0);
        int number = 0;
        foreach ((int kind, byte[] content) in Records.Read(input))
        {
            int seed = content.Length >= 4 ? BinaryPrimitives.ReadInt32BigEndian(content) : 0;
            int count = content.Length > 4 ? content[4] : 0;
            if (kind % Kinds == Style)
            {
                misses = new NearMisses(NearMissStyle.All[count % NearMissStyle.All.Count], seed);
            }
            Change(oracle, misses, kind % Kinds, count, new Random(seed));
            ushort inPort = (ushort)((number % 3) + 1);
            string where = $"after record {number++}";
            byte[][] frames = [.. Enumerable.Range(0, PacketsAfterEach).Select(_ => misses.NextFrame().Frame)];
            oracle.CompareBatch(uncached, frames, inPort, where);
            oracle.CompareBatch(cached, frames, inPort, where);
            oracle.CompareAll(frames[0], inPort, most: 5, where);
        }
        oracle.CompareEntries("at the end");
        oracle.Delete(FlowMatch.Any, strict: false);
        Assert.Equal((0, 0, 0), (oracle.Wildcard.Count, oracle.Wildcard.MaskCount, oracle.Wildcard.SubtableCount));
    }

    private static void Change(TableOracle oracle, NearMisses misses, int kind, int count, Random random)
    {
        for (int i = 0; i < count; i++)
        {
            switch (kind)
            {
                case Add:
                    oracle.Add(misses.NextMatch(), misses.NextPriority());
                    break;
                case Replace:
                    oracle.ReplaceAny(random);
                    break;
                case Delete:
                    oracle.DeleteAny(random);
                    break;
                case DeleteCovered when i == 0:
                    FlowMatch wide = misses.NextMatch();
                    wide.Wildcards |= FlowWildcards.All & ~(FlowWildcards.InPort | FlowWildcards.DlType | FlowWildcards.NwSrcMask);
                    oracle.Delete(wide, strict: false);
                    break;
                default:
                    return;
            }
        }
    }

    private static byte[] Make(int kind, Random random, int count)
    {
        byte[] content = new byte[5];
        BinaryPrimitives.WriteInt32BigEndian(content, random.Next(Seeds));
        content[4] = (byte)count;
        return Records.Make(kind, content);
    }
}
