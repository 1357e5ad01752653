using System.Buffers.Binary;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Emulator;

/// <summary>The exact table in the card's SRAM: 32768 slots of 128 bytes, each frame looked up at two of them.</summary>
internal sealed class CardExactTable
{
    private const int SlotWords = (int)CardRegisters.SlotStride / sizeof(uint);

    // The arbiter tells words by four bits: reading 24 and 25, which mean nothing, clears as reading the counters does.
    private const int DecodedWords = 16;
    private const int PacketsWord = 8;
    private const int BytesWord = 9;
    private const int ActionWord = 10;
    private const uint PacketsMask = 0x01ffffff;
    private const uint ClearedByRead = 0x00ffffff; // bit 24 and the last hit stay
    private const uint ActiveBit = 0x8000_0000;
    private const int LastHitShift = 25;

    private static readonly uint[] TableA = CrcTable(0x04c11db7);
    private static readonly uint[] TableB = CrcTable(0x1edc6f41);

    private readonly uint[] _memory = new uint[CardRegisters.SlotCount * SlotWords];

    public void Clear() => Array.Clear(_memory);

    /// <param name="offset">Bytes from the start of the table.</param>
    public uint Read(uint offset)
    {
        uint index = offset / sizeof(uint);
        uint value = _memory[index];
        switch (index % DecodedWords)
        {
            case PacketsWord:
                _memory[index] &= ~ClearedByRead;
                break;
            case BytesWord:
                _memory[index] = 0;
                break;
        }
        return value;
    }

    /// <summary>As <see cref="Read"/>, and nothing is cleared.</summary>
    public uint Peek(uint offset) => _memory[offset / sizeof(uint)];

    public void Write(uint offset, uint value) => _memory[offset / sizeof(uint)] = value;

    /// <summary>The slot that a frame hits, or -1.</summary>
    /// <param name="key">Without the active bit.</param>
    public int Find(ReadOnlySpan<byte> key)
    {
        int first = Slot(TableA, key);
        if (IsHit(first, key))
        {
            return first;
        }
        int second = Slot(TableB, key);
        return IsHit(second, key) ? second : -1;
    }

    public ReadOnlySpan<uint> ActionOf(int slot) => _memory.AsSpan((slot * SlotWords) + ActionWord, ActionWords.Count);

    public void Count(int slot, int bytes, uint seconds)
    {
        Span<uint> words = _memory.AsSpan(slot * SlotWords, SlotWords);
        words[PacketsWord] = ((words[PacketsWord] + 1) & PacketsMask) | (seconds << LastHitShift);
        words[BytesWord] += (uint)bytes;
    }

    /// <summary>Every bit is compared, the pad's included; the active bit has to be set.</summary>
    private bool IsHit(int slot, ReadOnlySpan<byte> key)
    {
        ReadOnlySpan<uint> stored = _memory.AsSpan(slot * SlotWords, KeyWords.Count);
        if ((stored[KeyWords.Count - 1] & ActiveBit) == 0)
        {
            return false;
        }
        for (int i = 0; i < KeyWords.Count; i++)
        {
            uint wanted = BinaryPrimitives.ReadUInt32LittleEndian(key[(i * sizeof(uint))..]);
            if (stored[i] != (i == KeyWords.Count - 1 ? wanted | ActiveBit : wanted))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>CRC-32 over the key, highest bit first, from 0, neither reflected nor inverted; its low 15 bits.</summary>
    private static int Slot(uint[] table, ReadOnlySpan<byte> key)
    {
        uint crc = 0;
        foreach (byte next in key)
        {
            crc = (crc << 8) ^ table[(byte)(crc >> 24) ^ next];
        }
        return (int)(crc % CardRegisters.SlotCount);
    }

    private static uint[] CrcTable(uint polynomial)
    {
        uint[] table = new uint[256];
        for (int value = 0; value < table.Length; value++)
        {
            uint crc = (uint)value << 24;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 0x8000_0000) != 0 ? (crc << 1) ^ polynomial : crc << 1;
            }
            table[value] = crc;
        }
        return table;
    }
}
