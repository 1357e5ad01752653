namespace Softswitch.Datapath.Packets;

/// <summary>Sees the packets of one worker's ports while a capture runs.</summary>
/// <remarks>Threads: the worker. Packets stay the caller's; it copies what it keeps.</remarks>
internal abstract class PacketTap
{
    /// <summary>A port received a packet that it keeps from the worker, such as a tunnel's.</summary>
    public abstract void Received(in Packet packet, ushort port);

    /// <summary>Packets are about to be given to a port's device.</summary>
    /// <returns>A name for this call: one device may send by another.</returns>
    public abstract int Sending(ReadOnlySpan<Packet> packets, ushort port);

    /// <summary>The device took fewer than it was given: the others were not sent.</summary>
    /// <param name="call">The result of <see cref="Sending"/>.</param>
    /// <param name="taken">How many: a prefix.</param>
    public abstract void Refused(int call, int taken);

    /// <summary>A packet ends here; its bytes are still valid.</summary>
    /// <param name="port">The port it is accounted to.</param>
    /// <param name="isEgress">Whether it was on its way out of that port; else it came in by it.</param>
    public abstract void Dropped(in Packet packet, ushort port, bool isEgress, DropReason reason);
}
