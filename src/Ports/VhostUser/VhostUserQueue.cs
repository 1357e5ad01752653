using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.VhostUser;

/// <summary>A queue pair of a guest as a worker uses it: the ring the guest sends by, and one that it receives by.</summary>
/// <remarks>
/// Where the guest enabled fewer pairs than there are, several of these send by the same ring. A guest that is not there receives nothing: what is
/// given for it are transmit errors.
/// </remarks>
internal sealed class VhostUserQueue : IPort, IDisposable
{
    private readonly VirtQueue _fromGuest;
    private VirtQueue _toGuest;
    private long _unreceived;

    public VhostUserQueue(VirtQueue fromGuest, VirtQueue toGuest)
    {
        _fromGuest = fromGuest;
        _toGuest = toGuest;
    }

    public int PollDescriptor => Doorbell.Descriptor;

    /// <summary>Rung by the guest's kicks and by changes of the ring.</summary>
    public Doorbell Doorbell { get; } = new();

    /// <summary>The ring the guest sends by.</summary>
    public VirtQueue FromGuest => _fromGuest;

    /// <summary>A ring the guest receives by: enabled, if there is one. Set by the session.</summary>
    public VirtQueue ToGuest
    {
        get => Volatile.Read(ref _toGuest);
        set => Volatile.Write(ref _toGuest, value);
    }

    /// <summary>Packets for a guest that was not there.</summary>
    public long Unreceived => Volatile.Read(ref _unreceived);

    public int Receive(PacketBatch batch, FrameCache frames) => _fromGuest.Receive(batch, frames);

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        int taken = ToGuest.Transmit(packets, frames);
        if (taken >= 0)
        {
            return taken;
        }
        _unreceived += packets.Length;
        frames.Release(packets);
        return packets.Length;
    }

    public bool Arm()
    {
        Doorbell.Clear(); // first: a kick from now on rings
        return _fromGuest.Arm();
    }

    public void Dispose() => Doorbell.Dispose();
}
