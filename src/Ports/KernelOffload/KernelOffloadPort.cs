using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfPacket;

namespace Softswitch.Ports.KernelOffload;

/// <summary>A Linux interface whose packets are looked up in the kernel. Those that the kernel leaves to the software come by a <see cref="PuntDevice"/>.</summary>
/// <remarks>
/// The host's own stack gets none of the interface's packets. All ends with the process: the link of the program, the program and the
/// device.
/// </remarks>
/// <param name="owner">Of the tables.</param>
/// <param name="slot">Its place in the layout.</param>
/// <param name="punt">This one's from now on.</param>
/// <param name="software">Receives from <paramref name="punt"/> and sends by the interface; this one's from now on.</param>
internal sealed unsafe class KernelOffloadPort(KernelOffloadPorts owner, int slot, ushort number, PuntDevice punt, AfPacketPort software)
    : IPortDevice, IDeviceHandover
{
    /// <summary>What an offer of this backend is called.</summary>
    public const string OfferKind = "kernel";

    private const int TicksToCatchUp = 3;

    private readonly Lock _lock = new();
    private PortAccount _account;
    private bool _isDisposed;

    public event Action<string?>? Changed
    {
        add => software.Changed += value;
        remove => software.Changed -= value;
    }

    /// <summary>Of the program to the interface; a descriptor.</summary>
    public int Link { get; set; }

    public string Name => software.Name;

    public string Backend => $"flows in the kernel, other packets by {software.Backend}";

    public MacAddress HardwareAddress => software.HardwareAddress;

    public INetworkInterface Interface => software.Interface;

    public IDeviceHandover Handover => this;

    public bool IsLinkAnnounced => software.IsLinkAnnounced;

    public bool TakesOffloads => software.TakesOffloads;

    public IReadOnlyList<IPort> Queues => software.Queues;

    /// <summary>The interface's link, of which the program is told, too.</summary>
    public PortLink ReadLink()
    {
        lock (_lock)
        {
            PortLink state = software.ReadLink();
            if (!_isDisposed)
            {
                PortLine* line = owner.Tables.Port(slot);
                Volatile.Write(ref line->Mtu, (uint)state.Mtu);
                Volatile.Write(ref line->Output, state.Up ? (uint)software.InterfaceIndex : 0);
            }
            return state;
        }
    }

    public PortCounters ReadCounters()
    {
        lock (_lock)
        {
            PortCounters counters = software.ReadCounters();
            if (!_isDisposed)
            {
                _account = ToAccount(owner.Tables.ReadCounts(slot));
            }
            counters.Hardware = _account;
            return counters;
        }
    }

    public void SetAdministrativeState(bool up) => software.SetAdministrativeState(up);

    public DeviceOffer Offer()
    {
        DeviceOffer rings = software.Offer();
        using DeviceRecord record = new();
        record.Write(software.InterfaceIndex);
        record.Write(punt.Source.InterfaceIndex);
        record.Write(rings.Record);
        return new DeviceOffer(OfferKind, record.ToArray(), [.. rings.Descriptors, punt.Descriptor]);
    }

    /// <summary>From here on all packets go into the rings, and what the program counted is final.</summary>
    public void SaveState(BinaryWriter state)
    {
        owner.Hold(slot, int.MaxValue);
        software.SaveState(state);
    }

    /// <summary>Packets that wait in the rings by now are sent before later ones overtake them.</summary>
    public void Resume()
    {
        owner.Hold(slot, TicksToCatchUp);
        software.Resume();
    }

    public void Yield() => software.Yield();

    /// <summary>As above.</summary>
    public void Adopt(BinaryReader state)
    {
        software.Adopt(state);
        owner.Hold(slot, TicksToCatchUp);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }
            _isDisposed = true;
        }
        owner.Close(number, slot, software.InterfaceIndex, Link);
        software.Dispose();
        punt.Dispose();
    }

    private static PortAccount ToAccount(in PortCounts counts)
    {
        PortAccount account = default;
        ref PacketAccount ingress = ref account.Ingress;
        ref PacketAccount egress = ref account.Egress;
        ingress.Entered = counts.PacketsIn;
        ingress.EnteredBytes = counts.BytesIn;
        ingress.Left = counts.Left;
        ingress.CountDrops(DropReason.Action, (long)counts.NoOutput);
        ingress.CountDrops(DropReason.OutputToIngress, (long)counts.ToIngress);
        ingress.CountDrops(DropReason.NoFrame, (long)counts.Failed);
        ulong ended = counts.Left + counts.NoOutput + counts.ToIngress + counts.Failed; // each packet goes somewhere once at least, and is counted when it has
        ingress.Made = ended - Math.Min(ended, counts.PacketsIn);
        egress.Entered = counts.PacketsOut + counts.NoLink + counts.TooLong;
        egress.Left = counts.PacketsOut;
        egress.LeftBytes = counts.BytesOut;
        egress.CountDrops(DropReason.LinkDown, (long)counts.NoLink);
        egress.CountDrops(DropReason.TooLong, (long)counts.TooLong);
        return account;
    }
}
