using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.SpanningTree;

namespace Softswitch.Datapath.Control;

/// <summary>The datapath's bridge: ties a <see cref="SpanningTreeBridge"/> to ports, workers and the station table (OpenFlow 1.0.0 §4.5).</summary>
/// <remarks>
/// Takes part in the tree: every physical port without OFPPC_NO_STP. One with it, and LOCAL, forwards as if there were no tree. A port
/// that is down or has no link is no part of it and reported as OFPPS_STP_BLOCK. Threads: under the control lock.
/// </remarks>
/// <param name="address">The lower 48 bits are the bridge's address; 0: that of the first port added.</param>
/// <param name="accounts">For the switch's own frames.</param>
/// <param name="report">Told of each port whose state is another one, after the state is in force.</param>
internal sealed class SpanningTreeControl(
    SpanningTreeOptions options, ulong address, WorkerShared shared, FrameCache frames, SwitchAccounts accounts, Worker[] workers, Action<SwitchPort> report) : ISpanningTreeOutput
{
    // 802.1D-2004 §9.2.7: the upper 4 bits of a port identifier are its priority, by default the middle one; 12 are its number.
    private const ushort DefaultPortPriority = 0x8000;
    private const ushort HighestPortNumber = 0x0fff;

    private const ulong AddressBits = 0xffff_ffff_ffff;
    private const PortState StateOutside = PortState.StpForward;

    private readonly ulong _address = address & AddressBits;
    private readonly Dictionary<ushort, Membership> _members = [];
    private SpanningTreeBridge? _bridge;

    /// <summary>The state machine; null before the first port.</summary>
    public SpanningTreeBridge? Bridge => _bridge;

    private long Now => shared.Clock.Milliseconds;

    private ref PacketAccount Account => ref accounts.Of(OwnAccount.Switch).Ingress;

    /// <summary>A port is about to be added; no worker knows it yet.</summary>
    public void Add(SwitchPort port)
    {
        Refresh(port);
        port.SpanningTreeState = StateOf(port); // the report of the new port brings it
        ReportChanges();
    }

    /// <summary>A port was taken out.</summary>
    public void Remove(SwitchPort port)
    {
        Leave(port);
        ReportChanges();
    }

    /// <summary>The port's link, speed or configuration may be another one.</summary>
    /// <returns>Whether the port's state changed and was reported.</returns>
    public bool Update(SwitchPort port)
    {
        Refresh(port);
        PortState old = port.SpanningTreeState;
        ReportChanges();
        return port.SpanningTreeState != old;
    }

    /// <summary>Treats what was received and what is due.</summary>
    /// <returns>Milliseconds until the next timer.</returns>
    public int Service()
    {
        foreach (Worker worker in workers)
        {
            // No more than a queue holds: a flood must not keep the control lock.
            for (int i = 0; i < BpduExchange.Capacity && worker.Bpdus.TryReceive(out ReceivedBpdu item); i++)
            {
                Receive(item);
            }
        }
        if (_bridge == null)
        {
            return int.MaxValue;
        }
        _bridge.Advance(Now);
        ReportChanges();
        return (int)Math.Clamp(_bridge.NextDeadline() - Now, 1, int.MaxValue);
    }

    void ISpanningTreeOutput.Send(BridgePort port, in Bpdu bpdu)
    {
        if (!_members.TryGetValue(port.Number, out Membership? member) || !frames.TryRent(out Packet packet))
        {
            return; // the next hello will do
        }
        packet.Length = Bpdu.FrameLength;
        bpdu.Encode(packet.Bytes, member.Port.Device.HardwareAddress);
        Worker worker = workers[member.Port.FirstWorker];
        Account.Made++;
        if (!worker.Bpdus.TrySend(packet, port.Number))
        {
            frames.Drop(packet, DropReason.BpduQueueFull, ref Account);
            return;
        }
        Account.Handed++;
        worker.Wake();
    }

    void ISpanningTreeOutput.OnStateChanged(BridgePort port)
    {
        if (_members.TryGetValue(port.Number, out Membership? member))
        {
            bool learned = (member.Port.BridgeFlags & BridgePortFlags.Learns) != 0;
            member.Port.BridgeFlags = BridgeFlagsOf(port.State);
            if (learned && (member.Port.BridgeFlags & BridgePortFlags.Learns) == 0)
            {
                shared.Grace.Retire(shared.Macs, port.Number);
            }
        }
    }

    void ISpanningTreeOutput.OnTopologyChange(bool active) =>
        shared.Macs.SetAge(active ? (uint)_bridge!.Times.ForwardDelay : StationTable.AgeMilliseconds, (uint)Now);

    private static BridgePortFlags BridgeFlagsOf(BridgePortState state) => BridgePortFlags.TakesBpdus | state switch
    {
        BridgePortState.Learning => BridgePortFlags.Learns,
        BridgePortState.Forwarding => BridgePortFlags.Open,
        _ => BridgePortFlags.None,
    };

    private PortState StateOf(SwitchPort port)
    {
        if (!_members.TryGetValue(port.Number, out Membership? member))
        {
            return StateOutside;
        }
        return member.InBridge.State switch
        {
            BridgePortState.Listening => PortState.StpListen,
            BridgePortState.Learning => PortState.StpLearn,
            BridgePortState.Forwarding => PortState.StpForward,
            _ => PortState.StpBlock,
        };
    }

    private void Receive(in ReceivedBpdu item)
    {
        // The port may have left the tree, or the switch, since.
        if (_members.TryGetValue(item.Port.Number, out Membership? member)
            && member.Port == item.Port
            && Bpdu.TryDecode(item.Packet.Bytes, out Bpdu bpdu))
        {
            _bridge!.Receive(member.InBridge, bpdu, Now);
        }
        frames.Release(item.Packet);
    }

    /// <summary>Makes the port's part in the tree what its configuration and link say.</summary>
    private void Refresh(SwitchPort port)
    {
        if (!PortNumber.IsPhysical(port.Number) || (port.Config & PortConfig.NoStp) != 0)
        {
            Leave(port);
            port.BridgeFlags = port.FlagsOutsideTree;
            return;
        }
        Membership member = _members.TryGetValue(port.Number, out Membership? known) ? known : Join(port);
        _bridge!.SetPathCost(member.InBridge, PathCost.Of(port.Link.Current), Now);
        if (port.IsConnected)
        {
            _bridge.Enable(member.InBridge, Now);
        }
        else
        {
            _bridge.Disable(member.InBridge, Now);
        }
    }

    private Membership Join(SwitchPort port)
    {
        ulong address = _address != 0 ? _address : port.Device.HardwareAddress.Value;
        _bridge ??= new SpanningTreeBridge(((ulong)options.Priority << 48) | address, BridgeTimes.From(options), this, Now);
        BridgePort inBridge = new(port.Number, (ushort)(DefaultPortPriority | NumberInTree(port.Number)), PathCost.Of(port.Link.Current));
        Membership member = new(port, inBridge);
        _members.Add(port.Number, member);
        port.BridgeFlags = BridgeFlagsOf(BridgePortState.Disabled);
        _bridge.Add(inBridge);
        return member;
    }

    private void Leave(SwitchPort port)
    {
        if (_members.Remove(port.Number, out Membership? member))
        {
            _bridge!.Remove(member.InBridge, Now);
        }
    }

    /// <summary>The port's own number if an identifier has room for it, else the highest that is free.</summary>
    private int NumberInTree(ushort number)
    {
        int candidate = number <= HighestPortNumber ? number : HighestPortNumber;
        while (candidate > 0 && _members.Values.Any(member => (member.InBridge.Id & HighestPortNumber) == candidate))
        {
            candidate--;
        }
        return candidate;
    }

    private void ReportChanges()
    {
        foreach (SwitchPort port in shared.Ports.Ports)
        {
            PortState state = StateOf(port);
            if (state != port.SpanningTreeState)
            {
                port.SpanningTreeState = state;
                report(port);
            }
        }
    }

    private sealed record Membership(SwitchPort Port, BridgePort InBridge);
}
