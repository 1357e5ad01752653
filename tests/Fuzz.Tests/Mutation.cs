using System.Buffers.Binary;
using System.Text;

namespace Softswitch.Fuzz.Tests;

/// <summary>Damages inputs the way that finds the most: values at the edges, and pieces lost, doubled or moved.</summary>
internal static class Mutation
{
    private static readonly uint[] Edges = [0, 1, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xff00, 0xfff8, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

    /// <summary>Some bytes changed; the length stays.</summary>
    public static byte[] Overwrite(byte[] original, Random random, int most = 4, int from = 0)
    {
        byte[] bytes = [.. original];
        for (int change = random.Next(1, most + 1); change > 0 && bytes.Length > from; change--)
        {
            int at = random.Next(from, bytes.Length);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when at + 2 <= bytes.Length:
                    BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), (ushort)Edge(random));
                    break;
                case 2 when at + 4 <= bytes.Length:
                    BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at), Edge(random));
                    break;
                default:
                    bytes[at] = (byte)random.Next(256);
                    break;
            }
        }
        return bytes;
    }

    /// <summary>Also cut, or with a piece of its own once more.</summary>
    public static byte[] Change(byte[] original, Random random)
    {
        byte[] bytes = Overwrite(original, random);
        int start = random.Next(bytes.Length + 1);
        int end = random.Next(start, bytes.Length + 1);
        return random.Next(6) switch
        {
            0 => bytes[..start],
            1 => [.. bytes[..start], .. bytes[end..]],
            2 => [.. bytes[..end], .. bytes[start..]],
            _ => bytes,
        };
    }

    /// <summary>Text with words or letters lost, doubled, exchanged for others or for numbers at the edges.</summary>
    public static string Change(string original, Random random, string letters, ReadOnlySpan<string> words)
    {
        StringBuilder text = new(original);
        for (int change = random.Next(1, 4); change > 0; change--)
        {
            int at = random.Next(text.Length + 1);
            int length = Math.Min(random.Next(1, 6), text.Length - at);
            switch (random.Next(7))
            {
                case 0:
                    text.Remove(at, length);
                    break;
                case 1:
                    text.Insert(at, text.ToString(at, length));
                    break;
                case 2:
                    text.Insert(at, words[random.Next(words.Length)]);
                    break;
                case 3:
                    text.Insert(at, random.Next(2) == 0 ? $"{Edge(random)}" : $"0x{Edge(random):x}");
                    break;
                case 4:
                    text.Insert(at, (char)random.Next(random.Next(2) == 0 ? 0x80 : 0xd800));
                    break;
                default:
                    text.Remove(at, Math.Min(1, length)).Insert(at, letters[random.Next(letters.Length)]);
                    break;
            }
        }
        return text.ToString();
    }

    public static uint Edge(Random random) => random.Next(3) == 0 ? (uint)random.NextInt64(1L << 32) : Edges[random.Next(Edges.Length)];
}
