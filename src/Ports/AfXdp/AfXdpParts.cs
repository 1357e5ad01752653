using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Memory;
using static Softswitch.Ports.Linux.Sockets.PacketSocket;

namespace Softswitch.Ports.AfXdp;

/// <summary>The parts of an AF_XDP port, as far as it is open.</summary>
/// <param name="device">The parts' from now on.</param>
internal sealed unsafe class AfXdpParts(LinuxInterface device)
{
    public LinuxInterface Device { get; } = device;

    public AfXdpOptions Options { get; set; } = new();

    public InterfaceLock? Lock { get; set; }

    public VlanOffload? VlanOffload { get; set; }

    public XdpProgram? Program { get; set; }

    /// <summary>The packet socket that holds promiscuous mode; -1 before it is open.</summary>
    public int Promiscuous { get; set; } = -1;

    /// <summary>As <see cref="Datapath.Ports.INetworkInterface.HidesPartialChecksums"/>.</summary>
    public bool HidesPartialChecksums { get; set; }

    /// <summary>The packet socket by which segments leave if local stacks may be at the far end; else -1.</summary>
    public int SegmentSocket => HidesPartialChecksums ? Promiscuous : -1;

    /// <summary>As <see cref="Datapath.Ports.IPortDevice.Backend"/>.</summary>
    public string Backend { get; set; } = string.Empty;

    public SharedMemory? LedgerMemory { get; private set; }

    public List<FrameLedger> Ledgers { get; } = [];

    /// <summary>One for each queue of the interface, in their order.</summary>
    public List<AfXdpSocket> Sockets { get; } = [];

    /// <summary>Whether another process has all parts, too: then closing here leaves them in use there.</summary>
    public bool AreShared { get; private set; }

    public static nuint LedgerBytes(FramePool pool, int queues) => (nuint)pool.FrameCount * (nuint)queues;

    /// <summary>Makes a ledger for each queue in memory of <see cref="LedgerBytes"/>, the parts' from now on.</summary>
    public void KeepLedgers(SharedMemory memory, FramePool pool, int queues)
    {
        LedgerMemory = memory;
        for (int queue = 0; queue < queues; queue++)
        {
            Ledgers.Add(new FrameLedger(pool, memory.Start + LedgerBytes(pool, queue)));
        }
    }

    public void Share(bool shared)
    {
        AreShared = shared;
        Program!.IsShared = shared;
        Sockets.ForEach(socket => socket.IsShared = shared);
    }

    /// <summary>Undoes all steps of opening that were taken. First packets stop arriving, then the socket's frames are free again.</summary>
    public void Close()
    {
        bool isElsewhere = !Device.Exists && Program is { HasInterface: true };
        Program?.Dispose();
        Sockets.ForEach(socket => socket.Dispose());
        if (Promiscuous >= 0)
        {
            if (!AreShared)
            {
                SetPromiscuous(PACKET_DROP_MEMBERSHIP, Promiscuous, Device.Index);
            }
            _ = Libc.close(Promiscuous);
        }
        LedgerMemory?.Dispose();
        VlanOffload?.Restore(isElsewhere);
        if (AreShared)
        {
            Device.Leave();
            Lock?.Leave();
        }
        Device.Dispose();
        Lock?.Dispose();
    }

    /// <summary>Taking over failed, and the descriptors stay the caller's.</summary>
    public void Forget()
    {
        Sockets.ForEach(socket => socket.Unmap());
        LedgerMemory?.Unmap();
        Device.Dispose();
    }
}
