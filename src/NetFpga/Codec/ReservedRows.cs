using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Codec;

/// <summary>The rows that make a card four interfaces: what the host sends leaves by its wire, everything else goes to the host.</summary>
/// <remarks>The same words in both layouts: they compare the source number alone.</remarks>
internal static class ReservedRows
{
    /// <param name="row"><see cref="CardRegisters.FirstReservedRow"/> to the last: first the host's queues, then the wires.</param>
    public static RowImage Row(int row)
    {
        int port = (row - CardRegisters.FirstReservedRow) % CardPort.Count;
        bool fromHost = row < CardRegisters.FirstReservedRow + CardPort.Count;
        KeyWords value = default;
        KeyWords mask = default;
        ActionWords action = default;
        KeyFields.Source.Set(value, (ulong)(fromHost ? CardPort.Queue(port) : CardPort.Wire(port)));
        ((Span<uint>)mask).Fill(uint.MaxValue);
        KeyFields.Source.Set(mask, 0);
        ActionFields.Bitmap.Set(action, fromHost ? CardPort.WireBit(port) : CardPort.QueueBit(port));
        return new RowImage(value, mask, action);
    }
}
