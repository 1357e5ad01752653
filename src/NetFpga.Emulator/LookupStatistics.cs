using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Emulator;

/// <summary>The lookup's own registers: running counters, scratch words, the timer.</summary>
internal sealed class LookupStatistics(CardTimer timer)
{
    /// <summary>Behind the timer there is a word that is always 0.</summary>
    public const uint End = CardRegisters.Timer + (2 * sizeof(uint));

    // Hits and misses, drops by source, scratch words: up to the timer all can be written.
    private readonly uint[] _words = new uint[(CardRegisters.Timer - CardRegisters.WildcardMisses) / sizeof(uint)];

    public void Clear() => Array.Clear(_words);

    /// <summary>Both tables were searched: each counts a miss of its own, a row only a hit that won.</summary>
    public void Count(bool isExactHit, bool isRowHit)
    {
        _words[Index(isExactHit ? CardRegisters.ExactHits : CardRegisters.ExactMisses)]++;
        if (!isRowHit)
        {
            _words[Index(CardRegisters.WildcardMisses)]++;
        }
        else if (!isExactHit)
        {
            _words[Index(CardRegisters.WildcardHits)]++;
        }
    }

    public void CountDrop(int source) => _words[Index(CardRegisters.Drops) + source]++;

    /// <param name="address">From <see cref="CardRegisters.WildcardMisses"/> to <see cref="End"/>.</param>
    public uint Read(uint address) => address < CardRegisters.Timer ? _words[Index(address)] : address == CardRegisters.Timer ? timer.Seconds : 0;

    /// <inheritdoc cref="Read"/>
    public void Write(uint address, uint value)
    {
        if (address < CardRegisters.Timer)
        {
            _words[Index(address)] = value;
        }
    }

    private static int Index(uint address) => (int)(address - CardRegisters.WildcardMisses) / sizeof(uint);
}
