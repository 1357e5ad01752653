using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.VhostUser;

/// <summary>A queue pair of a guest as a worker uses it: the ring the guest sends by, and one that it receives by.</summary>
/// <remarks>
/// Where the guest enabled fewer pairs than there are, several of these send by the same ring. A guest that is not there is a link that
/// is down.
/// </remarks>
internal sealed unsafe class VhostUserQueue : IPort, IDisposable
{
    private const int ShortestFrame = 60; // IEEE 802.3, without FCS
    private const ulong IsAnnounced = 1ul << 48; // above an address

    private readonly GuestSendQueue _fromGuest;
    private GuestReceiveQueue _toGuest;
    private PortAccount* _account = PortAccount.Nobody;
    private ulong _announced; // an address to announce; 0 for none

    public VhostUserQueue(GuestSendQueue fromGuest, GuestReceiveQueue toGuest)
    {
        _fromGuest = fromGuest;
        _toGuest = toGuest;
    }

    public int PollDescriptor => Doorbell.Descriptor;

    /// <summary>Rung by the guest's kicks and by changes of the ring.</summary>
    public Doorbell Doorbell { get; } = new();

    /// <summary>The ring the guest sends by.</summary>
    public GuestSendQueue FromGuest => _fromGuest;

    /// <summary>A ring the guest receives by: enabled, if there is one. Set by the session.</summary>
    public GuestReceiveQueue ToGuest
    {
        get => Volatile.Read(ref _toGuest);
        set => Volatile.Write(ref _toGuest, value);
    }

    /// <summary>Session: the guest moved here and does not say so itself, so a broadcast RARP request of its address is received. The last of several at once.</summary>
    public void Announce(MacAddress address)
    {
        Volatile.Write(ref _announced, address.Value | IsAnnounced);
        Doorbell.Ring();
    }

    public void CountOn(PortAccount* account) => _account = account;

    public int Receive(PacketBatch batch, FrameCache frames) =>
        (Volatile.Read(ref _announced) != 0 ? TakeAnnouncement(batch, frames) : 0) + _fromGuest.Receive(batch, frames);

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        int taken = ToGuest.Transmit(packets, frames, _account);
        if (taken >= 0)
        {
            return taken;
        }
        frames.DropLost(packets, DropReason.LinkDown, &_account->Egress);
        return packets.Length;
    }

    public bool Arm()
    {
        Doorbell.Clear(); // first: a kick from now on rings
        return Volatile.Read(ref _announced) == 0 && _fromGuest.Arm();
    }

    public void Dispose() => Doorbell.Dispose();

    private int TakeAnnouncement(PacketBatch batch, FrameCache frames)
    {
        if (batch.Free == 0 || !frames.TryRent(out Packet packet))
        {
            return 0;
        }
        MacAddress address = new(Interlocked.Exchange(ref _announced, 0));
        packet.Length = ShortestFrame;
        packet.Bytes.Clear();
        new ArpMessage(ArpMessage.RequestReverse, address, default, address, default).Write(packet.Bytes, MacAddress.Broadcast, EtherType.Rarp);
        batch.Add(packet);
        return 1;
    }
}
