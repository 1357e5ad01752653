using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Packets;

/// <summary>Where packets went on one side of a port, as one thread counted it. Every packet that enters a side is counted exactly once when it leaves it:</summary>
/// <remarks>
/// <code>
/// Entered + Made = Left + Used + drops + Held + (Handed - Taken)       summed over all threads, while no thread treats a packet
///
/// ingress: Entered from the wire,    Left towards an egress: a port, the controller
/// egress:  Entered from an ingress,  Left by the device; of these, Lost were dropped by it afterwards and are among the drops
/// </code>
/// Handed and Taken count at the two ends of a ring to another thread: their difference is the number of packets in the ring. Threads: one writes, any reads.
/// A value is read whole; the values are consistent with each other between two passes of the writer.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 448)] // whole cache lines: the counts of a batch are in the first
internal unsafe struct PacketAccount
{
    public ulong Entered;
    public ulong EnteredBytes;
    public ulong Left;
    public ulong LeftBytes;

    /// <summary>Copies, segments, fragments and packets of the switch's own; also if there was no frame for one, which counts as dropped then.</summary>
    public ulong Made;

    /// <summary>Packets that ended with success: fragments of a datagram, packets that were cut, packets for the switch itself.</summary>
    public ulong Used;

    /// <summary>Packets given to another thread.</summary>
    public ulong Handed;

    /// <summary>Packets got from another thread.</summary>
    public ulong Taken;

    /// <summary>Packets that wait here now: for their turn, for the rest of their datagram, for an address.</summary>
    public ulong Held;

    /// <summary>Packets that left and were dropped by the device afterwards.</summary>
    public ulong Lost;

    /// <summary>Packets that named a queue which is not there.</summary>
    public ulong QueueMisses;

    /// <summary>The port's number; CONTROLLER, LOCAL or NONE for the controller, the switch itself and ports that went.</summary>
    public ushort Port;

    public bool IsEgress;

    private fixed ulong _drops[(int)DropReason.Count];

    public void CountDrops(DropReason reason, long packets = 1) => _drops[(int)reason] += (ulong)packets;

    /// <summary>As <see cref="CountDrops"/>, of packets that have left already.</summary>
    public void CountLost(DropReason reason, long packets = 1)
    {
        CountDrops(reason, packets);
        Lost += (ulong)packets;
    }

    public readonly ulong ReadDrops(DropReason reason) => Volatile.Read(in _drops[(int)reason]);

    /// <summary>Writes the counts for another process, without the port's number; drops in the order of their reasons.</summary>
    public readonly void Save(BinaryWriter to)
    {
        foreach (ulong count in (ReadOnlySpan<ulong>)[Entered, EnteredBytes, Left, LeftBytes, Made, Used, Handed, Taken, Held, Lost, QueueMisses])
        {
            to.Write(count);
        }
        for (int reason = 0; reason < (int)DropReason.Count; reason++)
        {
            to.Write(_drops[reason]);
        }
    }

    /// <summary>Adds the counts that <see cref="Save"/> wrote.</summary>
    /// <param name="reasons">The drop reasons in the order of their counts; the other process may know other reasons.</param>
    public void Restore(BinaryReader from, ReadOnlySpan<DropReason> reasons)
    {
        Entered += from.ReadUInt64();
        EnteredBytes += from.ReadUInt64();
        Left += from.ReadUInt64();
        LeftBytes += from.ReadUInt64();
        Made += from.ReadUInt64();
        Used += from.ReadUInt64();
        Handed += from.ReadUInt64();
        Taken += from.ReadUInt64();
        Held += from.ReadUInt64();
        Lost += from.ReadUInt64();
        QueueMisses += from.ReadUInt64();
        foreach (DropReason reason in reasons)
        {
            _drops[(int)reason] += from.ReadUInt64();
        }
    }

    /// <summary>Adds another thread's counts of the same side.</summary>
    public void Add(in PacketAccount other)
    {
        Entered += other.Entered;
        EnteredBytes += other.EnteredBytes;
        Left += other.Left;
        LeftBytes += other.LeftBytes;
        Made += other.Made;
        Used += other.Used;
        Handed += other.Handed;
        Taken += other.Taken;
        Held += other.Held;
        Lost += other.Lost;
        QueueMisses += other.QueueMisses;
        for (int reason = 0; reason < (int)DropReason.Count; reason++)
        {
            _drops[reason] += other._drops[reason];
        }
    }
}

/// <summary>Both sides of one port, on cache lines of its own.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PortAccount
{
    private static readonly Memory.NativeArray<PortAccount> Unread = new(1);

    public PacketAccount Ingress;
    public PacketAccount Egress;

    /// <summary>The account of queues that belong to no port yet. Several threads may write it; no thread reads it.</summary>
    public static PortAccount* Nobody => Unread.Start;

    /// <summary>Sets the port's number in both sides.</summary>
    public static void Name(PortAccount* account, ushort port)
    {
        account->Ingress.Port = port;
        account->Egress.Port = port;
        account->Egress.IsEgress = true;
    }

    public readonly void Save(BinaryWriter to)
    {
        Ingress.Save(to);
        Egress.Save(to);
    }

    public void Restore(BinaryReader from, ReadOnlySpan<DropReason> reasons)
    {
        Ingress.Restore(from, reasons);
        Egress.Restore(from, reasons);
    }

    public void Add(in PortAccount other)
    {
        Ingress.Add(other.Ingress);
        Egress.Add(other.Egress);
    }
}
