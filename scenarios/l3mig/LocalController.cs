using System.Diagnostics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Wire;
using Softswitch.Scenarios.Controllers;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>A site's controller: owns its switches, answers every ARP there (draft §4.4), and tells the central controller of machines and sessions.</summary>
/// <remarks>
/// It and the central one are objects of one process and call each other's methods. Its handlers hold its lock and may take the central one's lock; the
/// central one never takes theirs.
/// </remarks>
/// <param name="asksBarriers">Whether a change is done when its switches have answered; otherwise when it is sent.</param>
internal sealed class LocalController(L3Site site, CentralController central, Action<string> say, bool asksBarriers = true)
    : ScenarioController($"local controller of {site.Name}")
{
    private readonly Dictionary<ulong, int> _arps = [];
    private long _flowMods;

    public L3Site Site => site;

    /// <summary>Flow-mods that the controller has sent.</summary>
    public long FlowMods => Interlocked.Read(ref _flowMods);

    /// <summary>ARP frames that its switches have uploaded.</summary>
    public int Arps => Read(() => _arps.Values.Sum());

    /// <summary>ARP frames that a switch has uploaded.</summary>
    public int CountArps(ulong datapathId) => Read(() => _arps.GetValueOrDefault(datapathId));

    /// <summary>Sends flow-mods to switches of the site and asks them to confirm. Any thread.</summary>
    /// <param name="onDone">
    /// Called with when the last has answered, under <see cref="OfController.HandlerLock"/>; at once if none of them is connected or no barrier is asked for.
    /// </param>
    public void Change(IReadOnlyList<(PathFlow Flow, FlowModCommand Command)> changes, Action<long> onDone)
    {
        var told = new List<SwitchConnection>();
        foreach ((PathFlow flow, _) in changes)
        {
            if (Find(flow.Switch) is not { } to)
            {
                say($"{site.Name}: switch {flow.Switch:x} is not connected: an entry is lost");
            }
            else if (!told.Contains(to))
            {
                told.Add(to);
            }
        }
        Change(told, asksBarriers, Send, times => onDone(times.DefaultIfEmpty(Stopwatch.GetTimestamp()).Max()));

        void Send(SwitchConnection to)
        {
            foreach ((PathFlow flow, FlowModCommand command) in changes.Where(change => change.Flow.Switch == to.DatapathId))
            {
                to.Send(MakeFlowMod(flow, command));
                Interlocked.Increment(ref _flowMods);
            }
        }
    }

    /// <summary>Sends a packet on its way through the virtual switch's table. Any thread.</summary>
    public void Resend(ushort port, byte[] packet)
    {
        if (Find(site.VirtualSwitch) is { } to)
        {
            to.Send(new PacketOut { InPort = port, Actions = [FlowAction.Output(PortNumber.Table)], Data = packet });
            to.Flush();
        }
    }

    protected override void OnConnected(SwitchConnection from)
    {
        foreach (PathFlow flow in SessionPath.MakeBase(site).Where(flow => flow.Switch == from.DatapathId))
        {
            from.Send(flow.Flow.ToFlowMod());
            Interlocked.Increment(ref _flowMods);
        }
    }

    protected override void OnPacketIn(SwitchConnection from, in ReceivedPacketIn packetIn)
    {
        bool isAccess = from.DatapathId == site.VirtualSwitch && packetIn.InPort != site.GatewayAt && packetIn.InPort != site.RouterAt;
        bool isArp = ArpMessage.TryRead(packetIn.Data, out ArpMessage arp);
        if (isArp && arp.Operation == ArpMessage.RequestReverse)
        {
            if (isAccess)
            {
                central.Register(new Attachment(site, arp.SenderHardware, packetIn.InPort));
            }
        }
        else if (isArp)
        {
            _arps[from.DatapathId] = _arps.GetValueOrDefault(from.DatapathId) + 1;
            // A host with a gateway's address is not registered: the controller answers for gateways itself.
            if (isAccess && IsFromHost(arp) && !site.Answers.ContainsKey(arp.Sender))
            {
                central.Register(arp.Sender, new Attachment(site, arp.SenderHardware, packetIn.InPort));
            }
            Answer(from, packetIn.InPort, arp);
        }
        else if (isAccess && Session.TryRead(packetIn.Data, out Session? session, out bool isFirst))
        {
            central.Open(session!, isFirst, site, packetIn.InPort, packetIn.Data);
        }
    }

    protected override void OnError(SwitchConnection from, uint xid, OfError error)
    {
        base.OnError(from, xid, error);
        say($"{site.Name}: switch {from.DatapathId:x} refuses: {error.Name}");
    }

    private void Answer(SwitchConnection from, ushort port, in ArpMessage request)
    {
        if (request.Operation != ArpMessage.Request || request.Target == request.Sender)
        {
            return;
        }
        MacAddress? found = site.Answers.TryGetValue(request.Target, out MacAddress own) ? own : central.FindAddress(request.Target);
        if (found is { } address)
        {
            AnswerArp(from, port, request, address);
        }
    }

    private static FlowMod MakeFlowMod(PathFlow flow, FlowModCommand command)
    {
        FlowMod mod = flow.Flow.ToFlowMod();
        mod.Command = command;
        if (command == FlowModCommand.DeleteStrict)
        {
            mod.OutPort = flow.Flow.Actions[^1].Port; // only what still leads there
        }
        return mod;
    }
}
