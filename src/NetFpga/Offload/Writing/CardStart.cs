using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Writing;

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
