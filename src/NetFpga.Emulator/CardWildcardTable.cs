using System.Buffers.Binary;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Emulator;

/// <summary>The 32 rows that are searched under a mask, the staging words they are written and read through, and their counters.</summary>
internal sealed class CardWildcardTable
{
    private const int StagingWords = ActionWords.Count + KeyWords.Count + KeyWords.Count;
    private const int MaskWord = ActionWords.Count;
    private const int ValueWord = MaskWord + KeyWords.Count;
    private const int KeyParts = KeyWords.Count / 2; // a row is compared in words of 64 bits
    private const int Rows = CardRegisters.RowCount;
    private const uint Scratch = 0x2001170;

    private readonly uint _lastKeyWord;
    private readonly uint[] _staging = new uint[StagingWords];
    private readonly uint[] _rows = new uint[Rows * StagingWords];
    private readonly ulong[] _compared = new ulong[Rows * KeyParts];
    private readonly ulong[] _wanted = new ulong[Rows * KeyParts];
    private readonly uint[] _packets = new uint[Rows];
    private readonly uint[] _bytes = new uint[Rows];
    private readonly uint[] _lastHit = new uint[Rows];
    private readonly uint[] _scratch = new uint[2];
    private uint _lastRead;

    /// <param name="layout">Decides how many bits of the key the rows have: 248, or 240 without nw_tos.</param>
    public CardWildcardTable(CardLayout layout)
    {
        _lastKeyWord = layout == CardLayout.V10 ? 0x00ff_ffffu : 0x0000_ffffu;
        Empty();
    }

    /// <summary>Called while a row is written and holds neither what it held nor what it will, but matches nothing.</summary>
    public Action<int>? RowVanished { get; set; }

    /// <summary>A reset: rows, staging, counters and scratch words.</summary>
    public void Clear()
    {
        Empty();
        Array.Clear(_staging);
        Array.Clear(_packets);
        Array.Clear(_bytes);
        Array.Clear(_lastHit);
        Array.Clear(_scratch);
        _lastRead = 0;
    }

    /// <summary>Rows only: they become all zero, which matches a key that is all zero.</summary>
    public void Empty()
    {
        Array.Clear(_rows);
        for (int row = 0; row < Rows; row++)
        {
            Arm(row);
        }
    }

    /// <param name="address">In the table's window.</param>
    /// <param name="value">What is there, if it is one of this table's registers.</param>
    public bool TryRead(uint address, out uint value)
    {
        value = 0;
        switch (address)
        {
            case >= CardRegisters.RowAction and < CardRegisters.RowRead:
                value = _staging[(address - CardRegisters.RowAction) / sizeof(uint)];
                return true;
            case CardRegisters.RowRead:
                value = _lastRead;
                return true;
            case CardRegisters.RowWrite:
                return true;
            default:
                Span<uint> register = Register(address, out _);
                value = register.IsEmpty ? 0 : register[0];
                return !register.IsEmpty;
        }
    }

    /// <returns>False if it is none of this table's registers.</returns>
    public bool TryWrite(uint address, uint value)
    {
        switch (address)
        {
            case >= CardRegisters.RowAction and < CardRegisters.RowRead:
                Stage((int)(address - CardRegisters.RowAction) / sizeof(uint), value);
                return true;
            case CardRegisters.RowRead:
                _lastRead = value;
                _rows.AsSpan((int)(value % Rows) * StagingWords, StagingWords).CopyTo(_staging);
                return true;
            case CardRegisters.RowWrite:
                Commit((int)(value % Rows));
                return true;
            default:
                Span<uint> register = Register(address, out bool isReadOnly);
                if (!register.IsEmpty && !isReadOnly)
                {
                    register[0] = value;
                }
                return !register.IsEmpty;
        }
    }

    /// <summary>The lowest row that matches, or -1.</summary>
    public int Find(ReadOnlySpan<byte> key)
    {
        ulong part0 = BinaryPrimitives.ReadUInt64LittleEndian(key);
        ulong part1 = BinaryPrimitives.ReadUInt64LittleEndian(key[8..]);
        ulong part2 = BinaryPrimitives.ReadUInt64LittleEndian(key[16..]);
        ulong part3 = BinaryPrimitives.ReadUInt64LittleEndian(key[24..]);
        for (int row = 0; row < Rows; row++)
        {
            ReadOnlySpan<ulong> compared = _compared.AsSpan(row * KeyParts, KeyParts);
            ReadOnlySpan<ulong> wanted = _wanted.AsSpan(row * KeyParts, KeyParts);
            if (((part0 & compared[0]) ^ wanted[0]
                | ((part1 & compared[1]) ^ wanted[1])
                | ((part2 & compared[2]) ^ wanted[2])
                | ((part3 & compared[3]) ^ wanted[3])) == 0)
            {
                return row;
            }
        }
        return -1;
    }

    public ReadOnlySpan<uint> ActionOf(int row) => _rows.AsSpan(row * StagingWords, ActionWords.Count);

    public void Count(int row, int bytes, uint seconds)
    {
        _packets[row]++;
        _bytes[row] += (uint)bytes;
        _lastHit[row] = seconds;
    }

    /// <summary>The last word of mask and value is longer than a row's; of the mask the staging word keeps all of it.</summary>
    private void Stage(int word, uint value) => _staging[word] = word == ValueWord + KeyWords.Count - 1 ? value & _lastKeyWord : value;

    private void Commit(int row)
    {
        if (RowVanished is { } vanished)
        {
            // A bit that is wanted and not compared: no key has it.
            _compared.AsSpan(row * KeyParts, KeyParts).Clear();
            _wanted[row * KeyParts] = 1;
            vanished(row);
        }
        _staging.CopyTo(_rows, row * StagingWords);
        _rows[(row * StagingWords) + MaskWord + KeyWords.Count - 1] &= _lastKeyWord;
        Arm(row);
    }

    private void Arm(int row)
    {
        ReadOnlySpan<uint> words = _rows.AsSpan(row * StagingWords, StagingWords);
        for (int part = 0; part < KeyParts; part++)
        {
            uint existing = part == KeyParts - 1 ? _lastKeyWord : uint.MaxValue;
            uint low = ~words[MaskWord + (2 * part)];
            uint high = ~words[MaskWord + (2 * part) + 1] & existing;
            ulong compared = low | ((ulong)high << 32);
            ulong value = words[ValueWord + (2 * part)] | ((ulong)words[ValueWord + (2 * part) + 1] << 32);
            _compared[(row * KeyParts) + part] = compared;
            _wanted[(row * KeyParts) + part] = value & compared;
        }
    }

    private Span<uint> Register(uint address, out bool isReadOnly)
    {
        (uint[]? block, uint first) = address switch
        {
            >= CardRegisters.RowBytes and < CardRegisters.RowPackets => (_bytes, CardRegisters.RowBytes),
            >= CardRegisters.RowPackets and < Scratch => (_packets, CardRegisters.RowPackets),
            >= Scratch and < CardRegisters.RowLastHit => (_scratch, Scratch),
            >= CardRegisters.RowLastHit and < CardRegisters.RowLastHit + (Rows * sizeof(uint)) => (_lastHit, CardRegisters.RowLastHit),
            _ => (null, 0u),
        };
        isReadOnly = block == _lastHit;
        return block == null ? default : block.AsSpan((int)(address - first) / sizeof(uint), 1);
    }
}
