namespace Softswitch.NetFpga.Registers;

/// <summary>Byte addresses of a NetFPGA 1G card's registers under the OpenFlow switch bitfile; the same in both layouts.</summary>
internal static class CardRegisters
{
    /// <summary>The address bus is 27 bits wide.</summary>
    public const uint AddressLimit = 1 << 27;

    /// <summary>Bit 8, written, resets the tables and counters.</summary>
    public const uint CpciControl = 0x0000008;
    public const uint CpciReset = 0x100;

    /// <summary>Four words that tell the version of the identification block; then device id, version and strings.</summary>
    public const uint Identification = 0x0400000;
    public const uint DeviceId = 0x0400010;
    public const uint Version = 0x0400014;

    /// <summary>PHY registers of port n at n * <see cref="PhyStride"/>; link up is bit 2 of the auxiliary status.</summary>
    public const uint Phy = 0x0440000;
    public const uint PhyStride = 0x80;
    public const uint PhyAuxiliaryStatus = 0x64;
    public const uint PhyLinkUp = 0x4;

    /// <summary>Counters of port n's MAC at n * <see cref="MacStride"/>.</summary>
    public const uint Mac = 0x0600000;
    public const uint MacStride = 0x40000;

    /// <summary>32768 slots of the exact table, <see cref="SlotStride"/> bytes each.</summary>
    public const uint Exact = 0x1000000;
    public const uint SlotStride = 0x80;
    public const int SlotCount = 1 << 15;

    /// <summary>In a slot: eight words of match value, packets, bytes, ten words of action.</summary>
    public const uint SlotPackets = 0x20;
    public const uint SlotBytes = 0x24;
    public const uint SlotAction = 0x28;

    public const uint WildcardMisses = 0x2000000;
    public const uint WildcardHits = 0x2000004;
    public const uint ExactMisses = 0x2000008;
    public const uint ExactHits = 0x200000c;

    /// <summary>Packets dropped, by source number.</summary>
    public const uint Drops = 0x2000010;

    /// <summary>Two words without a meaning to the card: cleared by a reset, kept by a watchdog flush.</summary>
    public const uint Scratch = 0x2000030;

    /// <summary>Seconds since reset.</summary>
    public const uint Timer = 0x2000038;

    /// <summary>Frames that passed since the last access: reading clears it.</summary>
    public const uint InputArbiter = 0x2000100;

    public const uint OutputQueues = 0x2000300;

    /// <summary>Bit 0 enables it; the next word is its counter.</summary>
    public const uint Watchdog = 0x2000400;

    /// <summary>Staging words of a row: ten of action, eight of mask, eight of match value.</summary>
    public const uint RowAction = 0x2001000;
    public const uint RowMask = 0x2001028;
    public const uint RowValue = 0x2001048;

    /// <summary>Written with a row's number: the row is copied into the staging words.</summary>
    public const uint RowRead = 0x2001068;

    /// <summary>Written with a row's number: the staging words are committed to it.</summary>
    public const uint RowWrite = 0x200106c;

    /// <summary>Bytes, packets and last hit (seconds of the timer) of row r at 4r.</summary>
    public const uint RowBytes = 0x2001070;
    public const uint RowPackets = 0x20010f0;
    public const uint RowLastHit = 0x2001178;
    public const int RowCount = 32;

    /// <summary>The rows from here on send frames of the host to their wire and everything else to the host.</summary>
    public const int FirstReservedRow = 24;
}
