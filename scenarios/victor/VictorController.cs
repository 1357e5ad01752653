using System.Diagnostics;
using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Wire;
using Softswitch.Scenarios.Controllers;

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
    : SteppedController("VICTOR controller")
{
    private readonly Dictionary<Be32, Binding> _bindings = [];
    private readonly List<BindingChange> _changes = [];

    /// <summary>The address table.</summary>
    public IReadOnlyList<Binding> Bindings => Read(() => _bindings.Values.ToArray());

    /// <summary>Changes that every element has confirmed, in their order.</summary>
    public IReadOnlyList<BindingChange> Changes => Read(() => _changes.ToArray());

    protected override void OnConnected(SwitchConnection from)
    {
        UploadArp(from);
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
        else if (IsFromHost(arp))
        {
            Register(new Binding(arp.Sender, arp.SenderHardware, from.DatapathId, packetIn.InPort), now);
        }
        if (arp.Operation == ArpMessage.Request && arp.Target != arp.Sender)
        {
            Answer(from, packetIn.InPort, arp);
        }
    }

    private void Register(Binding binding, long now)
    {
        Binding? before = _bindings.GetValueOrDefault(binding.Address);
        if (before == binding)
        {
            return;
        }
        _bindings[binding.Address] = binding; // in the old one's place: one active binding
        // Unless another binding has taken its place meanwhile.
        ChangeAll(binding.Element, before?.Element, element => Install(element, binding), () => _bindings[binding.Address] == binding, doneAt =>
        {
            var change = new BindingChange(before, binding, now, doneAt.Values.Max());
            _changes.Add(change);
            say($"{Ipv4Text.Format(binding.Address)} is at {topology[binding.Element].Name} port {binding.Port}: "
                + $"{doneAt.Count} elements have it after {Stopwatch.GetElapsedTime(now, change.DoneAt).TotalMilliseconds:0.00} ms");
        });
        if (before != null && before.Element != binding.Element)
        {
            ProxyInOldSubnet(before);
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
            : target == null ? null // no host has it
            : target.Element == from.DatapathId ? target.HardwareAddress : routerAddress;
        if (answer is { } address)
        {
            AnswerArp(from, port, request, address);
        }
    }
}
