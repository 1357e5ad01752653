using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Tests.Offload;

/// <summary>As much of a card as the writing of tables needs: rows with staging words, slots, counters, and a look-up of key words.</summary>
internal sealed class ModelCard : IRegisterAccess
{
    private const int SlotWords = (int)CardRegisters.SlotStride / 4;

    private readonly uint[] _slots = new uint[CardRegisters.SlotCount * SlotWords];
    private readonly RowImage[] _rows = new RowImage[CardRegisters.RowCount];
    private readonly uint[] _staging = new uint[ActionWords.Count + (2 * KeyWords.Count)];
    private readonly uint[] _rowPackets = new uint[CardRegisters.RowCount];
    private readonly uint[] _rowBytes = new uint[CardRegisters.RowCount];
    private readonly Dictionary<uint, uint> _others = [];

    public string Transport => "model";

    public int Writes { get; private set; }

    public int Accesses { get; private set; }

    /// <summary>Whether the access of this number, from 0, fails.</summary>
    public Func<int, bool>? Fails { get; set; }

    /// <summary>A failing write changes the register nevertheless.</summary>
    public bool FailsAfterwards { get; set; }

    /// <summary>Before each read, with the address.</summary>
    public Action<uint>? Reading { get; set; }

    /// <summary>After each write.</summary>
    public Action? Written { get; set; }

    public uint[] RowPackets => _rowPackets;

    public uint[] RowBytes => _rowBytes;

    /// <summary>A word of a slot, 0 to 31.</summary>
    public ref uint SlotWord(int slot, int word) => ref _slots[(slot * SlotWords) + word];

    public bool IsSlotOn(int slot) => SlotWord(slot, 7) >> 31 != 0;

    public IEnumerable<int> SlotsOn => Enumerable.Range(0, CardRegisters.SlotCount).Where(IsSlotOn);

    public ref RowImage Row(int row) => ref _rows[row];

    public IEnumerable<int> RowsOn => Enumerable.Range(0, CardRegisters.FirstReservedRow).Where(row => _rows[row] != default);

    public uint Read(uint address)
    {
        if (Fails?.Invoke(Accesses++) == true)
        {
            throw new RegisterAccessException($"{Transport}: read of 0x{address:x7} failed");
        }
        Reading?.Invoke(address);
        switch (address)
        {
            case >= CardRegisters.Exact and < CardRegisters.Exact + (CardRegisters.SlotCount * CardRegisters.SlotStride):
                return ReadSlot((address - CardRegisters.Exact) / 4);
            case >= CardRegisters.RowAction and < CardRegisters.RowRead:
                return _staging[(address - CardRegisters.RowAction) / 4];
            case >= CardRegisters.RowBytes and < CardRegisters.RowBytes + (4 * CardRegisters.RowCount):
                return _rowBytes[(address - CardRegisters.RowBytes) / 4];
            case >= CardRegisters.RowPackets and < CardRegisters.RowPackets + (4 * CardRegisters.RowCount):
                return _rowPackets[(address - CardRegisters.RowPackets) / 4];
            case CardRegisters.InputArbiter:
                _others.Remove(address, out uint passed); // since the last time
                return passed;
            default:
                return _others.GetValueOrDefault(address);
        }
    }

    public void Write(uint address, uint value)
    {
        bool fails = Fails?.Invoke(Accesses++) == true;
        Writes++;
        if (!fails || FailsAfterwards)
        {
            Store(address, value);
        }
        if (fails)
        {
            throw new RegisterAccessException($"{Transport}: write of 0x{address:x7} failed");
        }
        Written?.Invoke();
    }

    public void Dispose()
    {
    }

    /// <summary>All tables and registers to 0.</summary>
    public void Reset()
    {
        Flush();
        Array.Clear(_rowPackets);
        Array.Clear(_rowBytes);
        _others.Clear();
    }

    /// <summary>As the watchdog does it: both tables are emptied, scratch registers survive.</summary>
    public void Flush()
    {
        Array.Clear(_slots);
        Array.Clear(_rows);
    }

    /// <summary>What becomes of a frame; its hit is counted.</summary>
    /// <param name="key">What the card's parser makes of it.</param>
    public ActionWords Forward(in KeyWords key, int length)
    {
        (int slot, int row) = Find(key);
        if (slot >= 0)
        {
            SlotWord(slot, 8) = (SlotWord(slot, 8) & 0xfe000000) | ((SlotWord(slot, 8) + 1) & 0x01ffffff);
            SlotWord(slot, 9) += (uint)length;
        }
        else if (row >= 0)
        {
            _rowPackets[row]++;
            _rowBytes[row] += (uint)length;
        }
        return ActionOf(slot, row);
    }

    public ActionWords LookUp(in KeyWords key)
    {
        (int slot, int row) = Find(key);
        return ActionOf(slot, row);
    }

    /// <summary>The slot, or else the row, that a frame hits; -1 for none.</summary>
    public (int Slot, int Row) Find(in KeyWords key)
    {
        (int a, int b) = SlotHash.Compute(key);
        if (Matches(a, key) || Matches(b, key))
        {
            return (Matches(a, key) ? a : b, -1);
        }
        for (int row = 0; row < _rows.Length; row++)
        {
            if (Matches(_rows[row], key))
            {
                return (-1, row);
            }
        }
        return (-1, -1);
    }

    private ActionWords ActionOf(int slot, int row)
    {
        ActionWords words = default;
        if (slot >= 0)
        {
            for (int i = 0; i < ActionWords.Count; i++)
            {
                words[i] = SlotWord(slot, 10 + i);
            }
            return words;
        }
        return row >= 0 ? _rows[row].Action : words;
    }

    private bool Matches(int slot, in KeyWords key)
    {
        if (!IsSlotOn(slot))
        {
            return false;
        }
        for (int i = 0; i < KeyWords.Count; i++)
        {
            uint ignored = i == KeyWords.Count - 1 ? 0x80000000 : 0;
            if (((SlotWord(slot, i) ^ key[i]) & ~ignored) != 0)
            {
                return false;
            }
        }
        return true;
    }

    private static bool Matches(in RowImage row, KeyWords key)
    {
        (KeyWords value, KeyWords mask, _) = row;
        for (int i = 0; i < KeyWords.Count; i++)
        {
            uint exists = i == KeyWords.Count - 1 ? 0x00ffffff : uint.MaxValue;
            if (((value[i] ^ key[i]) & ~mask[i] & exists) != 0)
            {
                return false;
            }
        }
        return true;
    }

    private uint ReadSlot(uint index)
    {
        uint value = _slots[index];
        if (index % SlotWords == 8)
        {
            _slots[index] &= 0xff000000; // bit 24 stays
        }
        else if (index % SlotWords == 9)
        {
            _slots[index] = 0;
        }
        return value;
    }

    private void Store(uint address, uint value)
    {
        switch (address)
        {
            case >= CardRegisters.Exact and < CardRegisters.Exact + (CardRegisters.SlotCount * CardRegisters.SlotStride):
                _slots[(address - CardRegisters.Exact) / 4] = value;
                break;
            case >= CardRegisters.RowAction and < CardRegisters.RowRead:
                _staging[(address - CardRegisters.RowAction) / 4] = value;
                break;
            case CardRegisters.RowRead:
                Unstage(_rows[value]);
                break;
            case CardRegisters.RowWrite:
                _rows[value] = Staged();
                break;
            case >= CardRegisters.RowBytes and < CardRegisters.RowBytes + (4 * CardRegisters.RowCount):
                _rowBytes[(address - CardRegisters.RowBytes) / 4] = value;
                break;
            case >= CardRegisters.RowPackets and < CardRegisters.RowPackets + (4 * CardRegisters.RowCount):
                _rowPackets[(address - CardRegisters.RowPackets) / 4] = value;
                break;
            default:
                _others[address] = value;
                break;
        }
    }

    private RowImage Staged()
    {
        KeyWords value = default;
        KeyWords mask = default;
        ActionWords action = default;
        _staging.AsSpan(0, ActionWords.Count).CopyTo(action);
        _staging.AsSpan(ActionWords.Count, KeyWords.Count).CopyTo(mask);
        _staging.AsSpan(ActionWords.Count + KeyWords.Count).CopyTo(value);
        value[KeyWords.Count - 1] &= 0x00ffffff;
        mask[KeyWords.Count - 1] &= 0x00ffffff;
        return new RowImage(value, mask, action);
    }

    private void Unstage(in RowImage row)
    {
        (KeyWords value, KeyWords mask, ActionWords action) = row;
        ((ReadOnlySpan<uint>)action).CopyTo(_staging);
        ((ReadOnlySpan<uint>)mask).CopyTo(_staging.AsSpan(ActionWords.Count));
        ((ReadOnlySpan<uint>)value).CopyTo(_staging.AsSpan(ActionWords.Count + KeyWords.Count));
    }
}
