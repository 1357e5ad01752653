using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Executes action lists, in order, on one worker's packets (OpenFlow 1.0.0 §3.3).</summary>
/// <remarks>
/// Every method that takes a packet ends its ownership: it is in an output queue, in the packet-in queue, or dropped. Each output before the last sends a copy.
/// </remarks>
internal sealed unsafe class ActionExecutor(
    Worker worker, StationTable stations, FrameCache frames, PacketInSender packetIns, OutputQueues outputs, IPacketTrace? trace)
{
    /// <summary>Told of each step of a traced packet; null for a worker that forwards.</summary>
    public IPacketTrace? Trace => trace;

    public MissBehaviour MissBehaviour { get; set; }

    /// <summary>Worker clock in milliseconds, set at the start of each pass.</summary>
    public uint Now { get; set; }

    public int PortCount => outputs.All.Length;

    /// <summary>This worker's account of the ingress of the current packets. Packets that reach no egress are dropped there.</summary>
    public PacketAccount* Ingress { get; set; }

    /// <summary>Treats a packet as its flow entry, or a packet-out, says.</summary>
    public void Execute(ActionsReference actions, ref Packet packet, in FlowKey key, ref HeaderOffsets layout, ushort inPort)
    {
        if (actions.IsPort)
        {
            Output(packet, actions.Port, inPort);
        }
        else if (actions.IsDrop)
        {
            Drop(packet, DropReason.Action);
        }
        else
        {
            int first = 0;
            int budget = PacketCost.Most; // the entry may have got a longer list since its cost was estimated
            if (!Continue(actions.List, ref packet, key, ref layout, inPort, ref first, ref budget))
            {
                Drop(packet, DropReason.TooManyOutputs);
            }
        }
    }

    /// <summary>
    /// The queue into which a packet that owes nothing and came in by another port can go at once; null for no port or a closed one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public OutputQueue? FindOpen(ushort port, ushort inPort) =>
        outputs.Find(port) is OutputQueue queue && port != inPort && queue.Port.LetsOut() ? queue : null;

    /// <summary>A packet that no entry matches.</summary>
    public void Miss(in Packet packet, in FlowKey key, ushort inPort)
    {
        switch (MissBehaviour)
        {
            case MissBehaviour.Normal:
                Bridge(packet, key, inPort);
                break;
            // A packet-in from there would teach a controller paths outside the tree.
            case MissBehaviour.Controller when (BridgeFlagsOf(inPort) & BridgePortFlags.Forwards) == 0:
                Drop(packet, DropReason.SpanningTree);
                break;
            case MissBehaviour.Controller when !HasConfig(inPort, PortConfig.NoPacketIn):
                SendToController(packet, inPort, PacketInReason.NoMatch, ushort.MaxValue);
                break;
            default:
                Drop(packet, DropReason.Miss);
                break;
        }
    }

    public void Drop(in Packet packet, DropReason reason) => frames.Drop(packet, reason, Ingress);

    /// <summary>Goes on with an action list.</summary>
    /// <param name="next">The action it goes on with, from 0.</param>
    /// <param name="budget">How much it may cost (<see cref="PacketCost"/>); one output more may begin.</param>
    /// <returns>Whether this was the end of the list, and of the packet's ownership.</returns>
    public bool Continue(ActionList* list, ref Packet packet, in FlowKey key, ref HeaderOffsets layout, ushort inPort, ref int next, ref int budget)
    {
        FlowAction* actions = ActionList.First(list);
        for (; next < list->LastOutput; next++)
        {
            if (budget <= 0)
            {
                return false;
            }
            budget -= PacketCost.Of(actions[next], next, packet, frames, PortCount);
            if (!actions[next].IsOutput)
            {
                HeaderRewriter.Apply(actions[next], ref packet, ref layout, frames);
                trace?.Rewrote(actions[next], packet);
                continue;
            }
            Ingress->Made++;
            if (frames.TryCopy(packet, out Packet copy))
            {
                Send(copy, actions[next], key, layout, inPort);
            }
            else
            {
                Ingress->CountDrops(DropReason.NoFrame);
            }
        }
        // Actions behind the last output have no effect.
        if (list->LastOutput < 0)
        {
            Drop(packet, DropReason.Action);
            return true;
        }
        budget -= PacketCost.Of(actions[next], next, packet, frames, PortCount);
        Send(packet, actions[next], key, layout, inPort);
        return true;
    }

    private void Send(in Packet packet, in FlowAction action, in FlowKey key, HeaderOffsets layout, ushort inPort)
    {
        trace?.Sends(action);
        if (action.Kind == ActionKind.Enqueue)
        {
            Enqueue(packet, action, inPort);
            return;
        }
        switch (action.Port)
        {
            case PortNumber.InPort:
                OutputTo(outputs.Find(inPort), packet);
                break;
            case PortNumber.Table:
                worker.ThroughTable(packet, inPort); // entries cannot hold OFPP_TABLE, so this does not recur
                break;
            case PortNumber.Normal:
                Bridge(packet, KeyOf(packet, key, layout, inPort), inPort);
                break;
            case PortNumber.Flood:
                FloodTree(packet, inPort);
                break;
            case PortNumber.All:
                Flood(packet, inPort, PortConfig.None);
                break;
            case PortNumber.Controller:
                SendToController(packet, inPort, PacketInReason.Action, (ushort)action.Value);
                break;
            default:
                Output(packet, action.Port, inPort);
                break;
        }
    }

    private void Output(in Packet packet, ushort port, ushort inPort)
    {
        if (port == inPort)
        {
            Drop(packet, DropReason.OutputToIngress); // §3.3: only OFPP_IN_PORT sends a packet back
            return;
        }
        OutputTo(outputs.Find(port), packet);
    }

    /// <summary>OFPAT_ENQUEUE: as an output, to one of the port's queues; without that queue as any output to the port.</summary>
    private void Enqueue(in Packet packet, in FlowAction action, ushort inPort)
    {
        if (action.Port == inPort)
        {
            Drop(packet, DropReason.OutputToIngress);
            return;
        }
        OutputTo(outputs.Find(action.Port == PortNumber.InPort ? inPort : action.Port), packet, action.Value);
    }

    private void OutputTo(OutputQueue? queue, in Packet packet, uint queueId = QueueConfig.None)
    {
        if (queue == null)
        {
            Drop(packet, DropReason.NoSuchPort);
            return;
        }
        Ingress->Left++;
        if (!queue.Port.LetsOut())
        {
            queue.Account->Entered++;
            queue.Drop(packet, DropReason.EgressClosed);
        }
        else if (queueId != QueueConfig.None)
        {
            trace?.Enqueues(queue.Port, queueId);
            outputs.Enqueue(queue, packet, queueId);
        }
        else
        {
            outputs.Add(queue, packet);
        }
    }

    /// <summary>
    /// FLOOD: along the spanning tree (§3.3), which a port that is no part of it neither brings packets into nor gets them from.
    /// </summary>
    private void FloodTree(in Packet packet, ushort inPort)
    {
        if ((BridgeFlagsOf(inPort) & BridgePortFlags.Forwards) == 0)
        {
            Drop(packet, DropReason.SpanningTree);
            return;
        }
        Flood(packet, inPort, PortConfig.NoFlood, BridgePortFlags.Forwards);
    }

    /// <summary>
    /// To every port but the ingress, those with any of the <paramref name="excluded"/> settings and those without what is <paramref
    /// name="needed"/> of the spanning tree.
    /// </summary>
    private void Flood(in Packet packet, ushort inPort, PortConfig excluded, BridgePortFlags needed = BridgePortFlags.None)
    {
        excluded |= PortConfig.PortDown | PortConfig.NoForward;
        OutputQueue? last = null;
        foreach (OutputQueue queue in outputs.All)
        {
            if (queue.Port.Number == inPort || !queue.Port.LetsOut(excluded, needed))
            {
                trace?.Skips(queue.Port, excluded, needed);
                continue;
            }
            if (last != null)
            {
                FloodCopy(packet, last);
            }
            last = queue;
        }
        if (last == null)
        {
            Drop(packet, DropReason.Action);
            return;
        }
        Ingress->Left++;
        outputs.Add(last, packet);
    }

    private void FloodCopy(in Packet packet, OutputQueue queue)
    {
        Ingress->Made++;
        Ingress->Left++;
        if (frames.TryCopy(packet, out Packet copy))
        {
            outputs.Add(queue, copy);
            return;
        }
        queue.Account->Entered++;
        queue.Account->CountDrops(DropReason.NoFrame);
    }

    /// <summary>NORMAL: as an 802.1D learning bridge would; a station behind a port that does not forward is as good as unknown.</summary>
    public void Bridge(in Packet packet, in FlowKey key, ushort inPort)
    {
        ulong destination = key.DlDst.Value;
        if (destination >> 4 == 0x0180_c200_000) // 802.1D-2004 table 7-10: addresses bridges do not forward
        {
            Drop(packet, DropReason.Bridge);
            return;
        }
        BridgePortFlags flags = BridgeFlagsOf(inPort);
        if (!key.DlSrc.IsMulticast && (flags & BridgePortFlags.Learns) != 0 && (PortNumber.IsPhysical(inPort) || inPort == PortNumber.Local))
        {
            stations.Learn(key, inPort, Now);
            trace?.Learned(key.DlSrc, inPort);
        }
        if ((flags & BridgePortFlags.Forwards) == 0)
        {
            Drop(packet, DropReason.SpanningTree);
            return;
        }
        ushort port = key.DlDst.IsMulticast ? (ushort)0 : stations.Find(key, Now);
        trace?.Located(key.DlDst, port);
        if (port == inPort && port != 0)
        {
            Drop(packet, DropReason.Bridge);
        }
        else if (port != 0 && outputs.Find(port) is OutputQueue queue && queue.Port.LetsOut(PortConfig.None, BridgePortFlags.Forwards))
        {
            OutputTo(queue, packet);
        }
        else
        {
            Flood(packet, inPort, PortConfig.NoFlood, BridgePortFlags.Forwards);
        }
    }

    /// <summary>To how many ports <see cref="Bridge"/> would send, as far as the headers stay as they are: one, or as if to all.</summary>
    public int CountBridged(in FlowKey key) => !key.DlDst.IsMulticast && outputs.Find(stations.Find(key, Now)) != null ? 1 : PortCount;

    // A packet-out's ingress may be no port at all.
    private BridgePortFlags BridgeFlagsOf(ushort inPort) => outputs.Find(inPort)?.Port.BridgeFlags ?? BridgePortFlags.Open;

    private bool HasConfig(ushort port, PortConfig config) => outputs.Find(port) is OutputQueue queue && (queue.Port.Config & config) != 0;

    /// <summary>The key of a packet whose headers actions may have changed since it was parsed.</summary>
    private static FlowKey KeyOf(in Packet packet, in FlowKey parsed, HeaderOffsets layout, ushort inPort)
    {
        FlowKey key = parsed;
        FlowKeyParser.Parse(packet.Data, packet.Length, inPort, &key, &layout);
        return key;
    }

    private void SendToController(in Packet packet, ushort inPort, PacketInReason reason, ushort maxLength)
    {
        PacketInQueue queue = packetIns.Choose(outputs.Find(inPort)?.Port.PacketIns, reason, packet);
        if (!queue.HasRoom)
        {
            Drop(packet, packetIns.FullReason); // before an offload is finished in vain
        }
        else if (packet.HasOffload)
        {
            PartialChecksum.Finish(packet, frames, Ingress, new PacketInSink(this, inPort, reason, maxLength));
        }
        else
        {
            Ingress->Left++;
            packetIns.Add(queue, new QueuedPacketIn(packet, inPort, reason, maxLength));
        }
    }

    /// <summary>Takes the frames a packet for the controller is finished into.</summary>
    private readonly struct PacketInSink(ActionExecutor executor, ushort inPort, PacketInReason reason, ushort maxLength) : IFrameSink
    {
        public void Take(in Packet frame) => executor.SendToController(frame, inPort, reason, maxLength);
    }
}
