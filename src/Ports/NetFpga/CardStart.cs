using Softswitch.Ports.NetFpga.Codec;

namespace Softswitch.Ports.NetFpga;

/// <summary>Makes four interfaces of a card, whatever it held before.</summary>
internal static class CardStart
{
    private const uint LastKeyWord10 = 0x00ffffff; // bits 248 to 255 do not exist and read as 0
    private const uint LastKeyWord09 = 0x0000ffff; // without nw_tos, bits 240 to 255

    /// <summary>Empties the tables by a reset and writes the reserved rows. All interfaces are up by now: bringing one up may reset the card, too.</summary>
    /// <param name="wait">How long a reset takes.</param>
    /// <exception cref="RegisterAccessException">The card does not answer, or does not hold what was written.</exception>
    public static void Run(IRegisterAccess registers, CardLayout layout, TimeSpan wait)
    {
        registers.Write(CardRegisters.CpciControl, registers.Read(CardRegisters.CpciControl) | CardRegisters.CpciReset);
        Thread.Sleep(wait);
        for (int row = CardRegisters.FirstReservedRow; row < CardRegisters.RowCount; row++)
        {
            Write(registers, row, StagingWords(ReservedRows.Row(row)));
        }
        for (int row = CardRegisters.FirstReservedRow; row < CardRegisters.RowCount; row++)
        {
            Verify(registers, layout, row, StagingWords(ReservedRows.Row(row)));
        }
    }

    /// <summary>A row as its staging words lie in the card's window: action, mask, value.</summary>
    private static uint[] StagingWords(RowImage image)
    {
        ActionWords action = image.Action;
        KeyWords mask = image.Mask;
        KeyWords value = image.Value;
        return [.. (ReadOnlySpan<uint>)action, .. (ReadOnlySpan<uint>)mask, .. (ReadOnlySpan<uint>)value];
    }

    private static void Write(IRegisterAccess registers, int row, uint[] words)
    {
        for (int i = 0; i < words.Length; i++)
        {
            registers.Write(CardRegisters.RowAction + (uint)(i * sizeof(uint)), words[i]);
        }
        registers.Write(CardRegisters.RowWrite, (uint)row);
    }

    private static void Verify(IRegisterAccess registers, CardLayout layout, int row, uint[] words)
    {
        registers.Write(CardRegisters.RowRead, (uint)row);
        for (int i = 0; i < words.Length; i++)
        {
            bool endsKey = i is ActionWords.Count + KeyWords.Count - 1 or ActionWords.Count + (2 * KeyWords.Count) - 1;
            uint exist = !endsKey ? uint.MaxValue : layout == CardLayout.V10 ? LastKeyWord10 : LastKeyWord09;
            uint address = CardRegisters.RowAction + (uint)(i * sizeof(uint));
            uint read = registers.Read(address);
            if (((read ^ words[i]) & exist) != 0)
            {
                throw new RegisterAccessException($"{registers.Transport}: row {row} was written and reads back 0x{read:x8} at 0x{address:x7}, not 0x{words[i] & exist:x8}");
            }
        }
    }
}
