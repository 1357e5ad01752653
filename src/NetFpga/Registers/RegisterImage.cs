namespace Softswitch.NetFpga.Registers;

/// <summary>The registers of a card that sees no frames: what is written stays, rows go through the staging words. At first as after a reset.</summary>
internal sealed class RegisterImage : IRegisterAccess
{
    private const uint StagingEnd = CardRegisters.RowRead;
    private const int StagingWords = ActionWords.Count + (2 * KeyWords.Count);

    // Mask and value end 8 bits short of their last word: rows have no active bit.
    private const int LastMaskWord = ActionWords.Count + KeyWords.Count - 1;
    private const int LastValueWord = StagingWords - 1;
    private const uint LastWord = 0x00ffffff;

    private readonly Dictionary<uint, uint> _words = [];
    private readonly uint[] _staging = new uint[StagingWords];
    private readonly uint[][] _rows = [.. Enumerable.Range(0, CardRegisters.RowCount).Select(_ => new uint[StagingWords])];

    public string Transport => "image";

    /// <summary>Called for each write, if set.</summary>
    public Action<RegisterWrite>? Written { get; set; }

    public uint Read(uint address)
    {
        if (address is >= CardRegisters.RowAction and < StagingEnd)
        {
            return _staging[(address - CardRegisters.RowAction) / 4];
        }
        return address is CardRegisters.RowRead or CardRegisters.RowWrite ? 0 : _words.GetValueOrDefault(address);
    }

    public void Write(uint address, uint value)
    {
        Written?.Invoke(new RegisterWrite(address, value));
        switch (address)
        {
            case >= CardRegisters.RowAction and < StagingEnd:
                _staging[(address - CardRegisters.RowAction) / 4] = value;
                break;
            case CardRegisters.RowRead:
                _rows[value % CardRegisters.RowCount].CopyTo(_staging, 0);
                break;
            case CardRegisters.RowWrite:
                uint[] row = _rows[value % CardRegisters.RowCount];
                _staging.CopyTo(row, 0);
                row[LastMaskWord] &= LastWord;
                row[LastValueWord] &= LastWord;
                break;
            default:
                _words[address] = value;
                break;
        }
    }

    public void Dispose()
    {
    }
}

/// <summary>One write to a register.</summary>
internal readonly record struct RegisterWrite(uint Address, uint Value);
