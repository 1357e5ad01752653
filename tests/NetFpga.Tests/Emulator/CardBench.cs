using System.Buffers.Binary;
using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Registers;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Emulator;

/// <summary>An emulated card with its clock in the test's hand, and the few things every test writes to it: plain numbers, no encoder.</summary>
internal sealed class CardBench
{
    public const int PadWord = 7;
    public const uint Active = 0x8000_0000;
    private const int GuardBytes = 8;

    public CardBench(EmulatedCardOptions? options = null) => Card = new EmulatedCard(options, Time);

    /// <param name="card">With a clock of its own.</param>
    public CardBench(EmulatedCard card) => Card = card;

    public TestTime Time { get; } = new();

    public EmulatedCard Card { get; }

    /// <summary>Words with some set, such as <c>(0, 0x01)</c>.</summary>
    public static uint[] Words(int count, params (int Word, uint Value)[] set)
    {
        uint[] words = new uint[count];
        foreach ((int word, uint value) in set)
        {
            words[word] = value;
        }
        return words;
    }

    /// <summary>Ten words: destinations, flags and values.</summary>
    public static uint[] Action(uint destinations, uint flags = 0, params (int Word, uint Value)[] set)
    {
        uint[] words = Words(10, set);
        words[0] = (flags << 16) | destinations;
        return words;
    }

    /// <summary>A mask that compares nothing but the given bits, all of one word.</summary>
    public static uint[] MaskBut(int word, uint compared)
    {
        uint[] mask = [.. Enumerable.Repeat(uint.MaxValue, 8)];
        mask[word] = ~compared;
        return mask;
    }

    public static uint[] NothingCompared => [.. Enumerable.Repeat(uint.MaxValue, 8)];

    public void WriteRow(int row, uint[] value, uint[] mask, uint[] action)
    {
        WriteWords(0x2001000, action);
        WriteWords(0x2001028, mask);
        WriteWords(0x2001048, value);
        Card.Write(0x200106c, (uint)row);
    }

    /// <summary>A row that every frame matches.</summary>
    public void WriteRow(int row, uint[] action) => WriteRow(row, new uint[8], NothingCompared, action);

    public void WriteSlot(int slot, uint[] value, uint[] action)
    {
        WriteWords(SlotAddress(slot) + 0x28, action);
        WriteWords(SlotAddress(slot), value);
    }

    public static uint SlotAddress(int slot) => 0x1000000 + ((uint)slot * 0x80);

    public void WriteWords(uint address, uint[] words)
    {
        for (int i = 0; i < words.Length; i++)
        {
            Card.Write(address + (uint)(4 * i), words[i]);
        }
    }

    public uint[] ReadWords(uint address, int count) => [.. Enumerable.Range(0, count).Select(i => Card.Read(address + (uint)(4 * i)))];

    /// <summary>Sends a frame through the card; the bytes behind its result must stay as they were.</summary>
    /// <returns>Where copies went, and what they are.</returns>
    public (int Destinations, byte[] Frame) Send(int source, ReadOnlySpan<byte> frame)
    {
        byte[] result = new byte[Card.RoomFor(frame.Length) + GuardBytes];
        Array.Fill(result, (byte)0xa5);
        int destinations = Card.Process(source, frame, result.AsSpan(..^GuardBytes), out int length);
        Assert.All(result[^GuardBytes..], guard => Assert.Equal(0xa5, guard));
        return (destinations, result[..length]);
    }

    /// <summary>As <see cref="Send"/>, for a card that may be out of step: everything that leaves, as text.</summary>
    public List<(int Destinations, string Frame)> SendAll(int source, ReadOnlySpan<byte> frame)
    {
        List<(int Destinations, string Frame)> left = [];
        (int destinations, byte[] first) = Send(source, frame);
        if (destinations != 0)
        {
            left.Add((destinations, Convert.ToHexString(first)));
        }
        while (Card.NextLength is int next and > 0)
        {
            byte[] other = new byte[next];
            left.Add((Card.TakeNext(other), Convert.ToHexString(other)));
        }
        return left;
    }

    /// <summary>As <see cref="Send"/>, by a row 0 that every frame matches.</summary>
    public byte[] Rewrite(ReadOnlySpan<byte> frame, uint flags, params (int Word, uint Value)[] set)
    {
        WriteRow(0, Action(0x04, flags, set));
        (int destinations, byte[] result) = Send(0, frame);
        Assert.Equal(0x04, destinations);
        return result;
    }

    /// <summary>Which of the twelve fields the card saw: by the exact entry it would hit, found by asking a row for each bit.</summary>
    public uint[] KeyOf(int source, ReadOnlySpan<byte> frame)
    {
        uint[] key = new uint[8];
        int bits = Card.Layout == CardLayout.V10 ? 248 : 240; // the others are in no row
        for (int bit = 0; bit < bits; bit++)
        {
            uint one = 1u << (bit % 32);
            WriteRow(0, Words(8, (bit / 32, one)), MaskBut(bit / 32, one), Action(0x100));
            uint before = Card.Read(0x20010f0);
            Send(source, frame);
            if (Card.Read(0x20010f0) != before)
            {
                key[bit / 32] |= one;
            }
        }
        return key;
    }

    public static ushort Type(byte[] frame) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12));
}
