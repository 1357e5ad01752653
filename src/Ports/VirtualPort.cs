using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports;

/// <summary>
/// A port without an interface: one queue, a link that is up, nothing received, what is sent released. Derived ones say what they do else.
/// </summary>
/// <remarks>Threads: as <see cref="IPort"/> and <see cref="IPortDevice"/> have it.</remarks>
internal abstract class VirtualPort : IPort, IPortDevice, IDeviceHandover
{
    private const byte RecordVersion = 1;

    /// <param name="name">Shown to controllers; the address is made from it.</param>
    protected VirtualPort(string name, string backend)
    {
        Name = name;
        Backend = backend;
        HardwareAddress = LocalMacAddress.For(name);
        Queues = [this];
    }

    /// <summary>What an offer of this backend is called; null if no other process can go on with it.</summary>
    protected virtual string? OfferKind => null;

    public IDeviceHandover? Handover => OfferKind == null ? null : this;

    public string Name { get; }

    public string Backend { get; init; }

    public MacAddress HardwareAddress { get; init; }

    /// <summary>True: there is nothing to finish for a packet that goes nowhere.</summary>
    public virtual bool TakesOffloads => true;

    public IReadOnlyList<IPort> Queues { get; protected init; }

    public int PollDescriptor => -1;

    public virtual bool WakeBy(Action wake) => false;

    public virtual string? Fault => null;

    public virtual int Receive(PacketBatch batch, FrameCache frames) => 0;

    public virtual int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        frames.Release(packets);
        return packets.Length;
    }

    public virtual PortLink ReadLink() => new(Up: true, Mtu: 0);

    public virtual PortCounters ReadCounters() => default;

    public virtual DeviceOffer Offer() => new(OfferKind!, DeviceRecord.Write(RecordVersion, static _ => { }), []);

    public byte[] Rest() => DeviceRecord.Write(RecordVersion, Save);

    public void Adopt(ReadOnlySpan<byte> rest)
    {
        using BinaryReader record = DeviceRecord.Read(rest, RecordVersion);
        Restore(record);
    }

    /// <summary>There is nothing that would be put back.</summary>
    public void Yield()
    {
    }

    /// <summary>Writes where it stands, for another process's port of the same specification.</summary>
    protected virtual void Save(BinaryWriter record)
    {
    }

    /// <summary>Goes on from what <see cref="Save"/> wrote.</summary>
    protected virtual void Restore(BinaryReader record)
    {
    }

    public void SetAdministrativeState(bool up)
    {
    }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Once or more often.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}
