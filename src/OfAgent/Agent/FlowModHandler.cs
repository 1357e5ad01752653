using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>Messages that carry actions: flow-mod and packet-out. The busiest handlers: nothing here allocates.</summary>
internal static class FlowModHandler
{
    /// <param name="namesTable">Whether the peer asked to name tables (NXT_FLOW_MOD_TABLE_ID), as ovs-ofctl does to load what it dumped.</param>
    public static bool TryHandle(SwitchAgent agent, ReadOnlySpan<byte> message, bool namesTable, out OfError error)
    {
        if (!FlowModMessage.TryDecode(message, agent.FlowModActions, namesTable, out FlowMod mod, out byte tableId, out error))
        {
            return false;
        }
        if (!FlowFilter.IsFlowTable(tableId))
        {
            // In a table that is not there nothing is to be deleted, and nothing can be put.
            error = mod.Command is FlowModCommand.Delete or FlowModCommand.DeleteStrict ? default : OfError.BadRequestPermission;
            return error == default;
        }
        if (!Succeeded(agent.Control.Apply(mod), out error))
        {
            return false;
        }
        if (mod.Command < FlowModCommand.Delete)
        {
            agent.Widened.Note(mod.Match);
        }
        return true;
    }

    public static bool TryHandlePacketOut(SwitchAgent agent, ReadOnlySpan<byte> message, out OfError error) =>
        PacketOutMessage.TryDecode(message, agent.PacketOutActions, out PacketOut packetOut, out error)
        && Succeeded(agent.Control.PacketOut(packetOut.BufferId, packetOut.InPort, packetOut.Actions, packetOut.Data), out error);

    private static bool Succeeded(ControlError refusal, out OfError error)
    {
        error = refusal == ControlError.None ? default : ControlErrors.ToOfError(refusal);
        return refusal == ControlError.None;
    }
}
