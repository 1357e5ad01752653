using System.Buffers.Binary;
using Softswitch.Hosting.Cards;
using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Registers;
using Softswitch.NetFpga.Tests.Emulator;
using Softswitch.Testing;

namespace Softswitch.Fuzz.Tests.Targets;

/// <summary>Register writes and frames for a NetFPGA card: it writes nowhere but into the frame, and its tables can be listed.</summary>
internal sealed class RegisterTarget : IFuzzTarget
{
    // Record kinds: the layout, one write, a whole row, a whole slot, a time, or a frame from port 0, 1, ...
    private const int Layout = 0;
    private const int Write = 1;
    private const int Row = 2;
    private const int Slot = 3;
    private const int Time = 4;
    private const int Frame = 5;

    private const int WordsOfRow = 26;
    private const int WordsOfSlot = 18;

    private static readonly uint[] Blocks = [0x0000000, 0x0440000, 0x0600000, 0x1000000, 0x2000000, 0x2001000, 0x20010e0, 0x2002000, 0x4000000];

    public string Name => "register";

    public byte[] Generate(Random random)
    {
        List<byte> input = [.. Records.Make(Layout, [(byte)random.Next(2)])];
        RandomMatches frames = new(random.Next());
        for (int count = random.Next(1, 40); count > 0; count--)
        {
            input.AddRange(random.Next(7) switch
            {
                0 => Records.Make(Write, Bytes([Blocks[random.Next(Blocks.Length)] + (4 * (uint)random.Next(512)), Mutation.Edge(random)])),
                1 => Records.Make(Row, Bytes(Words(random, WordsOfRow))),
                2 => Records.Make(Slot, Bytes([(uint)random.Next(CardRegisters.SlotCount), .. Words(random, WordsOfSlot)])),
                3 => Records.Make(Time, [(byte)random.Next(256)]),
                _ => Records.Make(Frame + random.Next(8), random.Next(2) == 0 ? frames.NextFrame() : Mutation.Change(frames.NextFrame(), random)),
            });
        }
        return [.. input];
    }

    public IReadOnlyList<byte[]> Split(byte[] input) => Records.Split(input);

    public void Check(byte[] input)
    {
        List<(int Kind, byte[] Content)> records = [.. Records.Read(input)];
        CardLayout layout = records.Exists(record => record is { Kind: Layout, Content: [1, ..] }) ? CardLayout.V09 : CardLayout.V10;
        CardBench bench = new(new EmulatedCardOptions { Layout = layout });
        using RegisterImage image = new();
        foreach ((int kind, byte[] content) in records)
        {
            uint[] words = WordsOf(content);
            switch (kind)
            {
                case Layout:
                    break;
                case Write when words.Length >= 2:
                    WriteBoth(bench, image, words[0] & ~3u, [words[1]]);
                    break;
                case Row when words.Length > 0:
                    WriteBoth(bench, image, CardRegisters.RowAction, words.AsSpan(0, Math.Min(words.Length, WordsOfRow)));
                    WriteBoth(bench, image, CardRegisters.RowWrite, [words[^1]]);
                    break;
                case Slot when words.Length > 0:
                    WriteBoth(bench, image, CardBench.SlotAddress((int)(words[0] % CardRegisters.SlotCount)), words.AsSpan(1, Math.Min(words.Length - 1, WordsOfSlot)));
                    break;
                case Time:
                    bench.Time.Advance(TimeSpan.FromMilliseconds(content.FirstOrDefault()));
                    break;
                case >= Frame when content.Length > 0:
                    _ = bench.SendAll((kind - Frame) % 8, content); // which looks at the bytes behind the frame
                    break;
                default:
                    break;
            }
        }
        Assert.All(CardListing.DescribeFlows(CardTables.Read(image), layout, FlowFileOnCard.PortNumbers), Assert.NotEmpty);
        Assert.All(CardListing.DescribeFlows(CardTables.Read(bench.Card), layout, FlowFileOnCard.PortNumbers), Assert.NotEmpty);
    }

    private static void WriteBoth(CardBench bench, RegisterImage image, uint address, ReadOnlySpan<uint> words)
    {
        foreach (uint word in words)
        {
            if (address < CardRegisters.AddressLimit)
            {
                bench.Card.Write(address, word);
                image.Write(address, word);
            }
            address += 4;
        }
    }

    private static uint[] Words(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => random.Next(3) switch { 0 => 0u, 1 => uint.MaxValue, _ => Mutation.Edge(random) })];

    private static byte[] Bytes(uint[] words)
    {
        byte[] bytes = new byte[4 * words.Length];
        for (int i = 0; i < words.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4 * i), words[i]);
        }
        return bytes;
    }

    private static uint[] WordsOf(byte[] content)
    {
        uint[] words = new uint[content.Length / 4];
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = BinaryPrimitives.ReadUInt32BigEndian(content.AsSpan(4 * i));
        }
        return words;
    }
}
