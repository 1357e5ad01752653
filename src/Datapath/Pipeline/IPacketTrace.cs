using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Told what the pipeline does with a packet that is traced, before or after each step as the members say, in order.</summary>
/// <remarks>
/// The members cover only steps that no queue or counter of the traced packet's worker shows: those show where packets leave, wait or end. Workers
/// that forward have no trace, and test for one only where they treat a single packet instead of a batch. Threads: the worker's.
/// </remarks>
internal interface IPacketTrace
{
    /// <summary>It is bridged past the flow table: in-band control.</summary>
    void PassesInBand();

    /// <summary>The look-up's result, before anything is done.</summary>
    /// <param name="entry">0 for a miss.</param>
    /// <param name="actions">The entry's; meaningless for a miss.</param>
    void Found(uint entry, ActionsReference actions, in Packet packet, in FlowKey key);

    /// <summary>An action has changed the packet, or left it as it was.</summary>
    void Rewrote(in FlowAction action, in Packet packet);

    /// <summary>An output or enqueue of a list is about to be done.</summary>
    void Sends(in FlowAction action);

    /// <summary>A packet for this port names one of its queues.</summary>
    void Enqueues(SwitchPort port, uint queueId);

    /// <summary>The flood leaves this port out.</summary>
    /// <param name="excluded">Settings that would.</param>
    /// <param name="needed">What spanning tree must allow.</param>
    void Skips(SwitchPort port, PortConfig excluded, BridgePortFlags needed);

    /// <summary>NORMAL has learned where the sender is.</summary>
    void Learned(MacAddress station, ushort port);

    /// <summary>NORMAL's answer to where the receiver is.</summary>
    /// <param name="port">0 if the station is unknown, and for a group.</param>
    void Located(MacAddress station, ushort port);
}
