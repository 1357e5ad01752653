namespace Softswitch.Ports.AfPacket;

/// <summary>How large a ring is, and how far it has grown.</summary>
/// <remarks>
/// <para>
/// Kernel memory of rings is taken when they are made, all of it. So a port begins with little, and its traffic asks for more:
/// </para>
/// <code>
/// step   receive                        transmit
/// 0      2048 slots of 256 B  512 KiB   none: each packet by a system call
/// 1      4096 slots of 256 B    1 MiB   512 slots of 2 KiB   1 MiB   from 10,000 packets a second on
///        from 5,000 packets a second on, or when half of it waited
/// 2      4096 slots of 2 KiB    8 MiB   2048 slots of 2 KiB  4 MiB   when it was full
///        from 10,000 a second on that short slots did not hold, and long ones would
/// </code>
/// <para>
/// Short slots hold pings, ARP, LLDP and bare acknowledgements whole. What is longer waits on the socket, which takes memory only
/// while it waits, and costs a
/// system call; so do segments anyway. And short slots stay in the processor's cache: small packets pass faster by them.
/// </para>
/// </remarks>
/// <param name="Slots">A power of two; 0 for no ring.</param>
/// <param name="SlotSize">Bytes; a power of two.</param>
/// <param name="Step">Of growth; <see cref="LastStep"/> for one that grows no more.</param>
internal readonly record struct RingSize(int Slots, int SlotSize, int Step)
{
    public const int LastStep = 2;

    /// <summary>Room for an ordinary frame and the kernel's headers.</summary>
    public const int WholeSlot = 2048;

    private const int ShortSlot = 256;

    private static readonly RingSize[] Receiving = [new(2048, ShortSlot, 0), new(4096, ShortSlot, 1), new(4096, WholeSlot, LastStep)];
    private static readonly RingSize[] Transmitting = [new(0, WholeSlot, 0), new(512, WholeSlot, 1), new(2048, WholeSlot, LastStep)];

    public long Bytes => (long)Slots * SlotSize;

    public bool MayGrow => Step < LastStep;

    public static RingSize OfReceive(int step) => Receiving[step];

    public static RingSize OfTransmit(int step) => Transmitting[step];

    /// <summary>As somebody asked for it: it stays.</summary>
    public static RingSize Fixed(int slots) => new(slots, WholeSlot, LastStep);

    public static RingSize Read(BinaryReader record)
    {
        RingSize size = new(record.ReadInt32(), record.ReadInt32(), record.ReadInt32());
        bool isSane = (size.Slots == 0 || RingSlots.IsValid(size.Slots)) && size.SlotSize is ShortSlot or WholeSlot && size.Step is >= 0 and <= LastStep;
        return isSane ? size : throw new InvalidDataException(RingSlots.Rule);
    }

    public void Write(BinaryWriter record)
    {
        record.Write(Slots);
        record.Write(SlotSize);
        record.Write(Step);
    }
}
