using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>The reserved rows, without which the card forwards nothing to the host, and the signs by which a loss of its tables shows (docs/netfpga-hardware.md, rules 5 and 14).</summary>
internal sealed class CardResetDetector(IRegisterAccess registers, CardLayout layout)
{
    // A reset clears it. A flush by the watchdog does not, but empties the reserved rows.
    private const uint Cookie = 0x50f75317;

    private readonly RowRegisters _rows = new(registers, layout);
    private int _next = CardRegisters.FirstReservedRow;

    /// <summary>Writes the reserved rows and reads them back.</summary>
    /// <exception cref="RegisterAccessException">The card does not answer, or does not hold what it was given.</exception>
    public void WriteReservedRows()
    {
        for (int row = CardRegisters.FirstReservedRow; row < CardRegisters.RowCount; row++)
        {
            _rows.Commit(row, ReservedRows.Row(row));
        }
        for (int row = CardRegisters.FirstReservedRow; row < CardRegisters.RowCount; row++)
        {
            if (!_rows.Holds(row, ReservedRows.Row(row)))
            {
                throw new RegisterAccessException($"{registers.Transport}: row {row} does not hold what was written");
            }
        }
    }

    /// <summary>From here on a loss can be told. The watchdog, which would cause one, is switched off.</summary>
    public void Mark()
    {
        registers.Write(CardRegisters.Watchdog, 0);
        registers.Write(CardRegisters.Scratch, Cookie);
    }

    /// <summary>Whether the card was reset since <see cref="Mark"/>, or was never marked.</summary>
    public bool WasReset() => registers.Read(CardRegisters.Scratch) != Cookie;

    /// <summary>Looks at the cookie and at one of the reserved rows, at each in turn.</summary>
    /// <returns>What shows that the tables are lost, for people; null if nothing does.</returns>
    public string? FindLoss()
    {
        if (WasReset())
        {
            return "the card was reset";
        }
        int row = _next;
        _next = row + 1 == CardRegisters.RowCount ? CardRegisters.FirstReservedRow : row + 1;
        return _rows.Holds(row, ReservedRows.Row(row)) ? null : $"reserved row {row} is gone";
    }
}

/// <summary>Makes four interfaces of a card, whatever it held before.</summary>
internal static class CardStart
{
    /// <summary>Empties the tables by a reset and writes the reserved rows. All interfaces are up by now: bringing one up may reset the card, too.</summary>
    /// <param name="wait">How long a reset takes.</param>
    /// <exception cref="RegisterAccessException">The card does not answer, or does not hold what was written.</exception>
    public static void Run(IRegisterAccess registers, CardLayout layout, TimeSpan wait)
    {
        Reset(registers);
        Thread.Sleep(wait);
        new CardResetDetector(registers, layout).WriteReservedRows();
    }

    /// <summary>Begins a reset: tables, counters and scratch words are gone.</summary>
    /// <exception cref="RegisterAccessException">The card does not answer.</exception>
    public static void Reset(IRegisterAccess registers) =>
        registers.Write(CardRegisters.CpciControl, registers.Read(CardRegisters.CpciControl) | CardRegisters.CpciReset);
}
