using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>The words of one slot of the exact table.</summary>
internal sealed class SlotRegisters(IRegisterAccess registers)
{
    // Bit 24 stays when the counter is read; above it is the time of the last hit.
    private const uint PacketBits = 0x01ffffff;
    private const uint StuckBit = 0x01000000;

    /// <summary>Counters, action, value, and last the word with the active bit (docs/netfpga-hardware.md, rule 11): 20 writes.</summary>
    public void Write(int slot, in SlotImage image)
    {
        uint address = Address(slot);
        registers.Write(address + CardRegisters.SlotPackets, 0);
        registers.Write(address + CardRegisters.SlotBytes, 0);
        for (int i = 0; i < ActionWords.Count; i++)
        {
            WriteAction(slot, i, image.Action[i]);
        }
        for (int i = 0; i < KeyWords.Count; i++)
        {
            registers.Write(address + (4 * (uint)i), image.Value[i]);
        }
    }

    /// <summary>Word 0 has bitmap and flags: written alone, it decides at once.</summary>
    public void WriteAction(int slot, int word, uint value) => registers.Write(Address(slot) + CardRegisters.SlotAction + (4 * (uint)word), value);

    /// <summary>Only the word with the active bit: for a slot whose other words are in place.</summary>
    public void WriteLast(int slot, uint value) => registers.Write(Address(slot) + (4 * (KeyWords.Count - 1)), value);

    /// <summary>Hits since the last look: reading clears (docs/netfpga-hardware.md, counters), but for bit 24 (erratum E5).</summary>
    public uint TakePackets(int slot)
    {
        uint packets = registers.Read(Address(slot) + CardRegisters.SlotPackets) & PacketBits;
        if ((packets & StuckBit) != 0)
        {
            registers.Write(Address(slot) + CardRegisters.SlotPackets, 0);
        }
        return packets;
    }

    /// <summary>Bytes since the last look: reading clears.</summary>
    public uint TakeBytes(int slot) => registers.Read(Address(slot) + CardRegisters.SlotBytes);

    /// <summary>Whether the slot holds the image; the counters stay as they are.</summary>
    public bool Holds(int slot, in SlotImage image)
    {
        uint address = Address(slot);
        for (int i = 0; i < KeyWords.Count; i++)
        {
            if (registers.Read(address + (4 * (uint)i)) != image.Value[i])
            {
                return false;
            }
        }
        for (int i = 0; i < ActionWords.Count; i++)
        {
            if (registers.Read(address + CardRegisters.SlotAction + (4 * (uint)i)) != image.Action[i])
            {
                return false;
            }
        }
        return true;
    }

    private static uint Address(int slot) => CardRegisters.Exact + ((uint)slot * CardRegisters.SlotStride);
}
