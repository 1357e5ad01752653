using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;

namespace Softswitch.Datapath.Pipeline;

/// <summary>A port of the running switch: its device, what the controller set on it, and what the workers counted.</summary>
/// <remarks>Threads: configuration and statistics by the control side; workers read <see cref="Config"/> and write their own counters.</remarks>
internal sealed unsafe class SwitchPort : IDisposable
{
    private readonly NativeArray<PortAccount> _accounts;
    private volatile uint _config;
    private volatile int _mtu;
    private volatile PortQueueSettings? _queueSettings;
    private volatile int _bridgeFlags = (int)BridgePortFlags.Open;
    private ulong _transmitted;

    /// <param name="firstWorker">The worker that serves queue 0; further queues go to the following ones, and on from the first again.</param>
    public SwitchPort(ushort number, IPortDevice device, PortConfig config, int firstWorker, int workers)
    {
        Number = number;
        Device = device;
        FirstWorker = firstWorker;
        Workers = workers;
        Take(device.ReadLink()); // may throw: the memory comes after
        _config = (uint)(Link.IsSetDown ? config | PortConfig.PortDown : config);
        _accounts = new NativeArray<PortAccount>(2 * workers); // as they are, and copies
        for (int worker = 0; worker < workers; worker++)
        {
            PortAccount.Name(AccountOf(worker), number);
        }
        for (int queue = 0; queue < device.Queues.Count; queue++)
        {
            device.Queues[queue].CountOn(AccountOf((firstWorker + queue) % workers));
        }
    }

    public ushort Number { get; }

    /// <summary>Its packets on their way to the controller.</summary>
    public required PacketInQueues PacketIns { get; init; }

    /// <summary>Distinguishes this port from earlier and later ports with its number.</summary>
    public ushort Incarnation { get; init; }

    public IPortDevice Device { get; }

    public int FirstWorker { get; }

    public int Workers { get; }

    /// <summary>The link as last reported to controllers.</summary>
    public PortLink Link { get; private set; }

    /// <summary>As last reported.</summary>
    public string Name { get; private set; }

    /// <summary>As last reported: what port-mods name the port by.</summary>
    public MacAddress HardwareAddress { get; private set; }

    /// <summary>Bytes of the longest IP packet the port sends; 0 without a limit. Any thread.</summary>
    public int Mtu => _mtu;

    public PortConfig Config
    {
        get => (PortConfig)_config;
        set => _config = (uint)value;
    }

    /// <summary>The scheduler's settings; null while the port needs none. Workers look when the set of ports is replaced.</summary>
    public PortQueueSettings? QueueSettings
    {
        get => _queueSettings;
        set => _queueSettings = value;
    }

    /// <summary>Bit/s as configured; 0 for the link's.</summary>
    public long RateLimit { get; set; }

    /// <summary>Bit/s; 0 if unknown.</summary>
    public long Rate => RateLimit != 0 ? RateLimit : Link.Rate;

    /// <summary>Whether packets can come in and leave: it has a link, and neither controller nor host has set it down.</summary>
    public bool IsConnected => Link.Up && (Config & PortConfig.PortDown) == 0;

    /// <summary>The flags of a port outside of spanning tree. Without a link it forwards packets left in its ring, but learns nothing from them.</summary>
    public BridgePortFlags FlagsOutsideTree => IsConnected ? BridgePortFlags.Open : BridgePortFlags.Forwards;

    /// <summary>What spanning tree allows; read by workers.</summary>
    public BridgePortFlags BridgeFlags
    {
        get => (BridgePortFlags)_bridgeFlags;
        set => _bridgeFlags = (int)value;
    }

    /// <summary>Whether packets can end here as they come in: the port is closed to some, or hands some to spanning tree.</summary>
    public bool IsSelective =>
        (Config & (PortConfig.PortDown | PortConfig.NoReceive | PortConfig.NoReceiveStp)) != 0 || (BridgeFlags & BridgePortFlags.TakesBpdus) != 0;

    /// <summary>Whether packets may leave by this port. Each output asks this with the conditions that matter to it.</summary>
    /// <param name="closing">Port settings that forbid the output.</param>
    /// <param name="needed">Flags that spanning tree must have set.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // conditions that the caller leaves out are compiled away
    public bool LetsOut(PortConfig closing = PortConfig.PortDown | PortConfig.NoForward, BridgePortFlags needed = BridgePortFlags.None) =>
        (Config & closing) == 0 && (needed == BridgePortFlags.None || (BridgeFlags & needed) == needed);

    /// <summary>The OFPPS_STP bits; none without spanning tree.</summary>
    public PortState SpanningTreeState { get; set; }

    /// <summary>802.1D frames received here that the control side has not seen yet. Interlocked, by workers and the control side.</summary>
    public int WaitingBpdus;

    public PortDescription Description => new(
        Number, HardwareAddress, Name, Config, SpanningTreeState | (Link.Up ? PortState.None : PortState.LinkDown),
        Link.Current, Link.Advertised, Link.Supported, Link.Peer);

    /// <summary>Whether the device is as it was last reported.</summary>
    /// <param name="link">The device's link, just read.</param>
    public bool IsAsReported(in PortLink link) => link == Link && Device.Name == Name && Device.HardwareAddress == HardwareAddress;

    /// <summary>Takes over the device's link, name and address, to be reported.</summary>
    /// <param name="link">The device's link, just read.</param>
    [MemberNotNull(nameof(Name))]
    public void Take(in PortLink link)
    {
        Link = link;
        Name = Device.Name;
        HardwareAddress = Device.HardwareAddress;
        _mtu = link.Mtu;
    }

    /// <summary>The queue that <paramref name="worker"/> sends by, or null if packets for this port must be handed to another.</summary>
    public IPort? QueueOf(int worker)
    {
        int queue = FirstQueueOf(worker);
        return queue < Device.Queues.Count ? Device.Queues[queue] : null;
    }

    /// <summary>The queues that <paramref name="worker"/> receives from: several where there are more of them than workers.</summary>
    public IEnumerable<IPort> QueuesOf(int worker)
    {
        for (int queue = FirstQueueOf(worker); queue < Device.Queues.Count; queue += Workers)
        {
            yield return Device.Queues[queue];
        }
    }

    /// <summary>Valid until <see cref="EndAccounts"/>.</summary>
    public PortAccount* AccountOf(int worker) => _accounts.Start + worker;

    /// <summary>The same by reference: for code without pointers.</summary>
    /// <param name="copied">As it was at the last <see cref="CopyAccount"/>.</param>
    public ref PortAccount Account(int worker, bool copied = false) => ref _accounts[worker + (copied ? Workers : 0)];

    /// <summary>Keeps a worker's account as it is now. The worker, between two passes.</summary>
    public void CopyAccount(int worker) => Account(worker, copied: true) = Account(worker);

    /// <summary>The sum of the workers' accounts, read one after the other, so not of one moment.</summary>
    public PortAccount ReadAccount()
    {
        PortAccount total = default;
        for (int i = 0; i < Workers; i++)
        {
            total.Add(_accounts.Start[i]);
        }
        return total;
    }

    public PortStatistics ReadStatistics()
    {
        PortCounters device = Device.ReadCounters();
        PortAccount account = ReadAccount();
        if (device.Hardware is PortAccount hardware)
        {
            account.Add(hardware);
        }
        PortStatistics total = new()
        {
            PortNumber = Number,
            ReceivedPackets = account.Ingress.Entered,
            ReceivedBytes = account.Ingress.EnteredBytes,
            TransmittedPackets = account.Egress.Left - Math.Min(account.Egress.Left, account.Egress.Lost),
            TransmittedBytes = account.Egress.LeftBytes,
            TransmitDropped = (ulong)device.TransmitDropped,
            ReceiveDropped = (ulong)device.ReceiveDropped,
            ReceiveErrors = (ulong)device.ReceiveErrors,
            TransmitErrors = (ulong)device.TransmitErrors,
        };
        DropStatistics.AddTo(ref total, account);
        if (device.Traffic is { } whole)
        {
            total.ReceivedPackets = (ulong)whole.ReceivedPackets;
            total.ReceivedBytes = (ulong)whole.ReceivedBytes;
            total.TransmittedPackets = (ulong)whole.TransmittedPackets;
            total.TransmittedBytes = (ulong)whole.TransmittedBytes;
            return total;
        }
        // Workers count packets that the device takes. Whether the device drops them is known later, and a counter must never fall.
        ulong lost = Math.Min(total.TransmittedPackets, (ulong)(device.TransmitErrors + device.TransmitDropped));
        total.TransmittedPackets = _transmitted = Math.Max(_transmitted, total.TransmittedPackets - lost);
        return total;
    }

    /// <summary>Packets that named a queue which is not there.</summary>
    public ulong ReadQueueMisses()
    {
        ulong total = 0;
        for (int i = 0; i < Workers; i++)
        {
            total += _accounts.Start[i].Egress.QueueMisses;
        }
        return total;
    }

    /// <summary>Ends the device. Workers may go on counting.</summary>
    public void Dispose() => Device.Dispose();

    /// <summary>No worker has the port any more.</summary>
    public void EndAccounts() => _accounts.Dispose();

    private int FirstQueueOf(int worker) => (worker - FirstWorker + Workers) % Workers;
}
