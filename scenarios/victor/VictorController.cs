using System.Diagnostics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Wire;
using Softswitch.Scenarios.Parameters;

namespace Softswitch.Scenarios.Victor;

/// <summary>A forwarding element as the topology table has it.</summary>
/// <param name="AccessPorts">Where hosts are.</param>
/// <param name="Tunnels">The port towards each other element, by its datapath id.</param>
internal sealed record ForwardingElement(string Name, IReadOnlyList<ushort> AccessPorts, IReadOnlyDictionary<ulong, ushort> Tunnels);

/// <summary>A row of the address table: where a machine is. Each has one at a time (§2 of the paper).</summary>
/// <param name="Element">Datapath id of the forwarding element it is at.</param>
internal sealed record Binding(Be32 Address, MacAddress HardwareAddress, ulong Element, ushort Port);

/// <summary>How a change of the address table went. Times are Stopwatch.GetTimestamp's.</summary>
/// <param name="Before">Null for a machine that is new.</param>
/// <param name="HeardAt">When the ARP or RARP was there.</param>
/// <param name="DoneAt">When the last forwarding element had confirmed its new entry; without barriers, when that was sent.</param>
internal sealed record BindingChange(Binding? Before, Binding After, long HeardAt, long DoneAt);

/// <summary>VICTOR's centralised controller: makes several forwarding elements look like line cards of one router.</summary>
/// <remarks>
/// Machines are registered by the ARP they send; each registration is one flow entry on every element: deliver where the machine is, tunnel to there
/// elsewhere. Hosts see one router with one Ethernet address at all elements, so a machine that moves keeps its neighbours. A hypervisor says that a
/// machine has arrived before the machine does, by RARP, which has nothing but its Ethernet address: enough for one that is registered.
/// </remarks>
internal sealed class VictorController(
    MacAddress routerAddress, IReadOnlySet<Be32> gateways, IReadOnlyDictionary<ulong, ForwardingElement> topology, Action<string> say)
    : OfController(new ControllerOptions { Name = "VICTOR controller" })
{
    private readonly Dictionary<Be32, Binding> _bindings = [];
    private readonly List<BindingChange> _changes = [];
    private readonly List<(uint Xid, OfError Error)> _errors = [];

    /// <summary>One of <see cref="InsertionOrder"/>.</summary>
    public string Order { get; init; } = InsertionOrder.Together;

    /// <summary>Whether the element where a machine is has confirmed its entry before the others get theirs.</summary>
    public bool MakesBeforeBreak { get; init; }

    /// <summary>Whether an element that was sent an entry has it only when it says so.</summary>
    public bool UsesBarriers { get; init; } = true;

    /// <summary>The address table.</summary>
    public IReadOnlyList<Binding> Bindings
    {
        get
        {
            lock (HandlerLock)
            {
                return [.. _bindings.Values];
            }
        }
    }

    /// <summary>Changes that every element has confirmed, in their order.</summary>
    public IReadOnlyList<BindingChange> Changes
    {
        get
        {
            lock (HandlerLock)
            {
                return [.. _changes];
            }
        }
    }

    /// <summary>What switches refused, with the xid it was sent under.</summary>
    public IReadOnlyList<(uint Xid, OfError Error)> Errors
    {
        get
        {
            lock (HandlerLock)
            {
                return [.. _errors];
            }
        }
    }

    protected override void OnConnected(SwitchConnection from)
    {
        from.Send("arp,actions=CONTROLLER:65535");
        from.Send("rarp,actions=CONTROLLER:65535");
        from.Send("priority=1,ip,actions=drop"); // "if no binding is found for v, the packet is discarded" (§2): its counter counts them
    }

    protected override void OnPacketIn(SwitchConnection from, in ReceivedPacketIn packetIn)
    {
        bool isAccess = topology.TryGetValue(from.DatapathId, out ForwardingElement? element) && element.AccessPorts.Contains(packetIn.InPort);
        if (!isAccess || !ArpMessage.TryRead(packetIn.Data, out ArpMessage arp))
        {
            return;
        }
        long now = Stopwatch.GetTimestamp();
        if (arp.Operation == ArpMessage.RequestReverse)
        {
            foreach (Binding known in _bindings.Values.Where(one => one.HardwareAddress == arp.SenderHardware).ToArray())
            {
                Register(known with { Element = from.DatapathId, Port = packetIn.InPort }, now);
            }
        }
        else if (Ipv4Text.IsUnicast(arp.Sender) && !arp.SenderHardware.IsMulticast)
        {
            Register(new Binding(arp.Sender, arp.SenderHardware, from.DatapathId, packetIn.InPort), now);
        }
        if (arp.Operation == ArpMessage.Request && arp.Target != arp.Sender)
        {
            Answer(from, packetIn.InPort, arp);
        }
    }

    protected override void OnError(SwitchConnection from, uint xid, OfError error) => _errors.Add((xid, error));

    private void Register(Binding binding, long now)
    {
        Binding? before = _bindings.GetValueOrDefault(binding.Address);
        if (before == binding)
        {
            return;
        }
        _bindings[binding.Address] = binding; // in the old one's place: one active binding
        IReadOnlyList<SwitchConnection> elements = [.. Switches];
        IEnumerable<SwitchConnection[]> steps = InsertionOrder.Split(
            elements, Order, MakesBeforeBreak, one => one.DatapathId == binding.Element, one => one.DatapathId == before?.Element);
        Take(new Queue<SwitchConnection[]>(steps), binding, doneAt =>
        {
            _changes.Add(new BindingChange(before, binding, now, doneAt));
            say($"{Ipv4Text.Format(binding.Address)} is at {topology[binding.Element].Name} port {binding.Port}: "
                + $"{elements.Count} elements have it after {Stopwatch.GetElapsedTime(now, doneAt).TotalMilliseconds:0.00} ms");
        });
        if (before != null && before.Element != binding.Element)
        {
            ProxyInOldSubnet(before);
        }
    }

    /// <summary>Brings a binding to the elements of each step when those of the one before have it.</summary>
    /// <param name="onAll">Gets the time when the last had it; not called if another binding has taken its place by then.</param>
    private void Take(Queue<SwitchConnection[]> steps, Binding binding, Action<long> onAll)
    {
        SwitchConnection[] step = steps.Dequeue();
        foreach (SwitchConnection element in step)
        {
            Install(element, binding);
        }
        if (UsesBarriers)
        {
            BarrierAll(step, answers => GoOn(answers.DefaultIfEmpty(Stopwatch.GetTimestamp()).Max()));
        }
        else
        {
            GoOn(Stopwatch.GetTimestamp());
        }

        void GoOn(long when)
        {
            if (steps.Count == 0)
            {
                onAll(when);
            }
            else if (_bindings[binding.Address] == binding)
            {
                Take(steps, binding, onAll);
            }
        }
    }

    private void Install(SwitchConnection element, Binding binding)
    {
        bool isLocal = element.DatapathId == binding.Element;
        MacAddress next = isLocal ? binding.HardwareAddress : routerAddress;
        ushort port = isLocal ? binding.Port : topology[element.DatapathId].Tunnels[binding.Element];
        // An ADD of the same match replaces the entry in place: no packet finds none.
        element.Send($"ip,nw_dst={Ipv4Text.Format(binding.Address)},actions=mod_dl_dst:{next},output:{port}");
    }

    /// <summary>The element in the old subnet sends an ARP to proxy for the machine (§3): its neighbours there ask the router from now on.</summary>
    private void ProxyInOldSubnet(Binding before)
    {
        if (Find(before.Element) is { } old)
        {
            // Gratuitous in Linux's eyes only with the same Ethernet address as sender and target: any other reply it ignores for a second after the last.
            byte[] frame = new ArpMessage(ArpMessage.Reply, routerAddress, before.Address, routerAddress, before.Address).ToFrame(MacAddress.Broadcast);
            foreach (ushort port in topology[before.Element].AccessPorts)
            {
                SendFrame(old, port, frame);
            }
        }
    }

    /// <summary>Answers for the router, for a machine on another element (by proxy), or with the address of a neighbour on the same one.</summary>
    private void Answer(SwitchConnection from, ushort port, in ArpMessage request)
    {
        Binding? target = _bindings.GetValueOrDefault(request.Target);
        MacAddress? answer =
            gateways.Contains(request.Target) ? routerAddress
            : target == null ? null // nobody has it
            : target.Element == from.DatapathId ? target.HardwareAddress : routerAddress;
        if (answer is { } address)
        {
            SendFrame(from, port, new ArpMessage(ArpMessage.Reply, address, request.Target, request.SenderHardware, request.Sender).ToFrame(request.SenderHardware));
        }
    }

    private static void SendFrame(SwitchConnection element, ushort port, byte[] frame) =>
        element.Send(new PacketOut { Actions = [FlowAction.Output(port)], Data = frame });
}
