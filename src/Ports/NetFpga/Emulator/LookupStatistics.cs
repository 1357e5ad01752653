namespace Softswitch.Ports.NetFpga.Emulator;

/// <summary>The lookup's own registers: running counters, scratch words, the timer.</summary>
internal sealed class LookupStatistics(CardTimer timer)
{
    private readonly uint[] _drops = new uint[CardPort.NumberCount];
    private readonly uint[] _scratch = new uint[2];
    private uint _wildcardMisses;
    private uint _wildcardHits;
    private uint _exactMisses;
    private uint _exactHits;

    public void Clear()
    {
        Array.Clear(_drops);
        Array.Clear(_scratch);
        (_wildcardMisses, _wildcardHits, _exactMisses, _exactHits) = (0, 0, 0, 0);
    }

    /// <summary>Both tables were searched: each counts a miss of its own, a row only a hit that won.</summary>
    public void Count(bool isExactHit, bool isRowHit)
    {
        _exactHits += isExactHit ? 1u : 0;
        _exactMisses += isExactHit ? 0u : 1;
        _wildcardHits += isRowHit && !isExactHit ? 1u : 0;
        _wildcardMisses += isRowHit ? 0u : 1;
    }

    public void CountDrop(int source) => _drops[source]++;

    public bool TryRead(uint address, out uint value)
    {
        value = address switch
        {
            CardRegisters.WildcardMisses => _wildcardMisses,
            CardRegisters.WildcardHits => _wildcardHits,
            CardRegisters.ExactMisses => _exactMisses,
            CardRegisters.ExactHits => _exactHits,
            >= CardRegisters.Drops and < CardRegisters.Scratch => _drops[(address - CardRegisters.Drops) / sizeof(uint)],
            >= CardRegisters.Scratch and < CardRegisters.Timer => _scratch[(address - CardRegisters.Scratch) / sizeof(uint)],
            CardRegisters.Timer => timer.Seconds,
            _ => 0,
        };
        return address is >= CardRegisters.WildcardMisses and <= CardRegisters.Timer;
    }

    /// <summary>Only the scratch words can be written.</summary>
    public void Write(uint address, uint value)
    {
        if (address is >= CardRegisters.Scratch and < CardRegisters.Timer)
        {
            _scratch[(address - CardRegisters.Scratch) / sizeof(uint)] = value;
        }
    }
}
