using System.Buffers.Binary;

namespace Softswitch.Fuzz.Tests;

/// <summary>Inputs that are records one after another: a byte that says which kind, two of length, then so many bytes.</summary>
internal static class Records
{
    private const int HeaderSize = 3;

    public static byte[] Make(int kind, ReadOnlySpan<byte> content)
    {
        byte[] record = new byte[HeaderSize + content.Length];
        record[0] = (byte)kind;
        BinaryPrimitives.WriteUInt16BigEndian(record.AsSpan(1), (ushort)content.Length);
        content.CopyTo(record.AsSpan(HeaderSize));
        return record;
    }

    /// <summary>The records whole; what is cut at the end is left out.</summary>
    public static IReadOnlyList<byte[]> Split(byte[] input)
    {
        List<byte[]> records = [];
        for (int at = 0; at + HeaderSize <= input.Length;)
        {
            int end = at + HeaderSize + BinaryPrimitives.ReadUInt16BigEndian(input.AsSpan(at + 1));
            if (end > input.Length)
            {
                break;
            }
            records.Add(input[at..end]);
            at = end;
        }
        return records;
    }

    public static IEnumerable<(int Kind, byte[] Content)> Read(byte[] input) => Split(input).Select(record => ((int)record[0], record[HeaderSize..]));
}
