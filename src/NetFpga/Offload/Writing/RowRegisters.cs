using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>One row of the wildcard table at a time, through the staging words; nothing else uses these (docs/netfpga-hardware.md, rule 12).</summary>
internal sealed class RowRegisters(IRegisterAccess registers, CardLayout layout)
{
    private const int SourceWord = 6;
    private const uint SourceBits = 0xff000000;

    // The top byte of value and mask does not exist in rows; without nw_tos the two top bytes do not.
    private readonly uint _lastWord = layout == CardLayout.V10 ? 0x00ffffffu : 0x0000ffffu;

    public void Commit(int row, in RowImage image)
    {
        (KeyWords value, KeyWords mask, ActionWords action) = image;
        Write(CardRegisters.RowAction, action);
        Write(CardRegisters.RowMask, mask);
        Write(CardRegisters.RowValue, value);
        registers.Write(CardRegisters.RowWrite, (uint)row);
    }

    /// <summary>An empty row: it matches the key that is all zero, which no frame has.</summary>
    public void Clear(int row) => Commit(row, default);

    /// <summary>A row whose image was committed last, to another row, matches nothing from here on: 3 writes, by a source number that no frame has.</summary>
    public void Hide(int row, in RowImage image)
    {
        (KeyWords value, KeyWords mask, _) = image;
        registers.Write(CardRegisters.RowValue + (4 * SourceWord), value[SourceWord] | SourceBits);
        registers.Write(CardRegisters.RowMask + (4 * SourceWord), mask[SourceWord] & ~SourceBits);
        registers.Write(CardRegisters.RowWrite, (uint)row);
    }

    /// <summary>Whether the row holds the image.</summary>
    public bool Holds(int row, in RowImage image)
    {
        (KeyWords value, KeyWords mask, ActionWords action) = image;
        registers.Write(CardRegisters.RowRead, (uint)row);
        return Reads(CardRegisters.RowAction, action, uint.MaxValue)
            && Reads(CardRegisters.RowMask, mask, _lastWord)
            && Reads(CardRegisters.RowValue, value, _lastWord);
    }

    public (uint Packets, uint Bytes) ReadCounters(int row) =>
        (registers.Read(CardRegisters.RowPackets + (4 * (uint)row)), registers.Read(CardRegisters.RowBytes + (4 * (uint)row)));

    public void ZeroCounters(int row)
    {
        registers.Write(CardRegisters.RowPackets + (4 * (uint)row), 0);
        registers.Write(CardRegisters.RowBytes + (4 * (uint)row), 0);
    }

    private void Write(uint address, ReadOnlySpan<uint> words)
    {
        for (int i = 0; i < words.Length; i++)
        {
            registers.Write(address + (4 * (uint)i), words[i]);
        }
    }

    private bool Reads(uint address, ReadOnlySpan<uint> words, uint lastWord)
    {
        for (int i = 0; i < words.Length; i++)
        {
            uint bits = i == KeyWords.Count - 1 ? lastWord : uint.MaxValue;
            if (((registers.Read(address + (4 * (uint)i)) ^ words[i]) & bits) != 0)
            {
                return false;
            }
        }
        return true;
    }
}
