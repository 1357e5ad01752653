using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Transports;

/// <summary>The addresses that are registers. Others are refused here: the driver takes them, does nothing, and says that it went well.</summary>
internal static class RegisterWindow
{
    /// <summary>The card's registers of this program end here.</summary>
    public const uint Needed = CardRegisters.RowLastHit + (4 * CardRegisters.RowCount);

    /// <param name="limit">Bytes of the window.</param>
    /// <exception cref="RegisterAccessException">It is none of them.</exception>
    public static void Check(string transport, uint address, uint limit)
    {
        if (address % 4 != 0 || address >= limit)
        {
            throw new RegisterAccessException(
                $"{transport}: 0x{address:x7} is no register: addresses are multiples of 4 below 0x{limit:x7}");
        }
    }
}
