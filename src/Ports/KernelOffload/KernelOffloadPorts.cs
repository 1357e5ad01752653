using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.Linux;

namespace Softswitch.Ports.KernelOffload;

/// <summary>The ports of a switch whose flows are in the kernel, and the tables there.</summary>
/// <remarks>Threads: any. Disposing comes last, after the ports.</remarks>
internal sealed unsafe class KernelOffloadPorts : IDisposable
{
    private readonly Lock _lock = new();
    private readonly KernelFlowOffload _offload;
    private readonly bool[] _slots = new bool[OffloadLayout.MostPorts];

    /// <param name="mostFlows">The highest number a flow entry can have.</param>
    /// <exception cref="SystemCallException">The kernel cannot do it, or rights are missing.</exception>
    public KernelOffloadPorts(long mostFlows)
    {
        Tables = new OffloadTables(mostFlows);
        _offload = new KernelFlowOffload(Tables);
    }

    /// <summary>For the datapath, which disposes of it before the ports.</summary>
    public IFlowOffload Offload => _offload;

    internal OffloadTables Tables { get; }

    /// <summary>Why the software treats an entry's packets; null if the kernel does. Under the control lock.</summary>
    public string? ReasonOf(uint id) => _offload.ReasonOf(id);

    /// <summary>Opens an interface of the calling thread's network namespace. All of its packets go to the software until the switch has the port.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="number">The number the port will have.</param>
    /// <param name="reason">Why no other backend was chosen, for its line; empty if it was asked for.</param>
    /// <exception cref="PortException">The interface does not exist, is not Ethernet, is taken, or the system refuses.</exception>
    public KernelOffloadPort Open(string port, ushort number, string interfaceName, AfPacketOptions rings, string reason = "")
    {
        PuntDevice? punt = null;
        AfPacketPort? software = null;
        int slot = TakeSlot(port);
        try
        {
            software = AfPacketPort.Open(port, interfaceName, rings with { Source = index => (punt = PuntDevice.Open(port, index)).Source }, reason);
            *Tables.Port(slot) = new PortLine { Number = number, Punt = (uint)punt!.Source.InterfaceIndex };
            _offload.AddPort(number, slot);
            KernelOffloadPort opened = new(this, slot, number, punt, software);
            _ = opened.ReadLink(); // of which the program learns by that
            opened.Link = Link(port, software.InterfaceIndex, slot); // last: from here on packets come
            return opened;
        }
        catch
        {
            software?.Dispose();
            punt?.Dispose();
            Free(number, slot);
            throw;
        }
    }

    /// <summary>Goes on with the port of another process, by a program and tables of its own. That process's program comes first as long as it is there.</summary>
    /// <param name="offer">As a port made it, in the interface's network namespace. Its descriptors stay the caller's if this throws.</param>
    /// <exception cref="PortException">The interface is not here, or the system refuses.</exception>
    /// <exception cref="InvalidDataException">It makes no sense.</exception>
    public KernelOffloadPort Take(string port, ushort number, DeviceOffer offer)
    {
        using BinaryReader record = offer.ReadRecord();
        int interfaceIndex = record.ReadInt32();
        int puntIndex = record.ReadInt32();
        if (offer.Descriptors.Count == 0)
        {
            throw new InvalidDataException("it comes without descriptors");
        }
        DeviceOffer rings = new(AfPacketPort.OfferKind, offer.Record[(2 * sizeof(int))..], [.. offer.Descriptors.SkipLast(1)]);
        int slot = TakeSlot(port);
        int link = -1;
        try
        {
            *Tables.Port(slot) = new PortLine { Number = number, Punt = (uint)puntIndex };
            _offload.AddPort(number, slot);
            link = Link(port, interfaceIndex, slot);
            KernelOffloadPort taken = new(this, slot, number, new PuntDevice(offer.Descriptors[^1], puntIndex), AfPacketPort.Take(port, rings)) { Link = link };
            _ = taken.ReadLink(); // of which the program learns by that
            return taken;
        }
        catch
        {
            if (link >= 0)
            {
                Unlink(interfaceIndex, link);
            }
            Free(number, slot);
            throw;
        }
    }

    /// <summary>As <see cref="KernelFlowOffload.Hold"/>; under the control lock.</summary>
    internal void Hold(int slot, int ticks) => _offload.Hold(slot, ticks);

    /// <summary>Ends a port: the interface's packets go where they went before.</summary>
    internal void Close(ushort number, int slot, int interfaceIndex, int link)
    {
        Unlink(interfaceIndex, link);
        Free(number, slot);
    }

    public void Dispose() => Tables.Dispose();

    private void Unlink(int interfaceIndex, int link)
    {
        lock (_lock)
        {
            Tables.Unlink(interfaceIndex, link);
        }
    }

    private int TakeSlot(string port)
    {
        lock (_lock)
        {
            int slot = Array.IndexOf(_slots, false);
            if (slot < 0)
            {
                throw new PortException($"{port}: no more than {OffloadLayout.MostPorts} ports can have their flows in the kernel");
            }
            _slots[slot] = true;
            return slot;
        }
    }

    private void Free(ushort number, int slot)
    {
        *Tables.Port(slot) = default;
        Tables.WaitForPrograms();
        Tables.ClearCounts(slot);
        _offload.RemovePort(number, slot);
        lock (_lock)
        {
            _slots[slot] = false;
        }
    }

    private int Link(string port, int interfaceIndex, int slot)
    {
        lock (_lock)
        {
            try
            {
                return Tables.Link(interfaceIndex, (uint)slot);
            }
            catch (SystemCallException e)
            {
                throw new PortException($"{port}: {e.Message}", e);
            }
        }
    }
}
