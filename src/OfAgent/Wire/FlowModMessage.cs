using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;

namespace Softswitch.OfAgent.Wire;

/// <summary>OFPT_FLOW_MOD (OpenFlow 1.0.0 §5.3.3).</summary>
/// <remarks>
/// <code>
/// 0        8       48       56        58             60             62         64          68         70      72
/// | header | match | cookie | command | idle_timeout | hard_timeout | priority | buffer_id | out_port | flags | actions ...
/// </code>
/// </remarks>
internal static class FlowModMessage
{
    public const int HeaderSize = 72;

    public static void Write(OfBuffer buffer, uint xid, in FlowMod mod)
    {
        OfWriter writer = buffer.Message(OfType.FlowMod, xid, HeaderSize + FlowAction.WireLengthOf(mod.Actions));
        OfMatch.Write(ref writer, mod.Match);
        writer.UInt64(mod.Cookie);
        writer.UInt16((ushort)mod.Command);
        writer.UInt16(mod.IdleTimeoutSeconds);
        writer.UInt16(mod.HardTimeoutSeconds);
        writer.UInt16(mod.Priority);
        writer.UInt32(mod.BufferId);
        writer.UInt16(mod.OutPort);
        writer.UInt16((ushort)mod.Flags);
        OfActions.Write(ref writer, mod.Actions);
    }

    /// <param name="actionStorage">Memory for the actions; <see cref="OfActions.MaxCount"/> always suffice.</param>
    /// <param name="mod">Refers to the storage. Command and flags are as sent, known or not. A delete's actions are not looked at.</param>
    public static bool TryDecode(ReadOnlySpan<byte> message, Span<FlowAction> actionStorage, out FlowMod mod, out OfError error) =>
        TryDecode(message, actionStorage, namesTable: false, out mod, out _, out error);

    /// <inheritdoc cref="TryDecode(ReadOnlySpan{byte}, Span{FlowAction}, out FlowMod, out OfError)"/>
    /// <param name="namesTable">Whether the upper byte of the command is a table's number (NXT_FLOW_MOD_TABLE_ID).</param>
    /// <param name="tableId">That number, or else <see cref="FlowFilter.AllTables"/>.</param>
    public static bool TryDecode(
        ReadOnlySpan<byte> message, Span<FlowAction> actionStorage, bool namesTable, out FlowMod mod, out byte tableId, out OfError error)
    {
        mod = default;
        tableId = FlowFilter.AllTables;
        if (!OfMessage.HasAtLeast(message, HeaderSize, out error))
        {
            return false;
        }
        OfReader reader = OfReader.Body(message);
        mod.Match = OfMatch.Read(ref reader);
        mod.Cookie = reader.UInt64();
        ushort command = reader.UInt16();
        if (namesTable)
        {
            tableId = (byte)(command >> 8);
            command &= 0xff;
        }
        mod.Command = (FlowModCommand)command;
        mod.IdleTimeoutSeconds = reader.UInt16();
        mod.HardTimeoutSeconds = reader.UInt16();
        mod.Priority = reader.UInt16();
        mod.BufferId = reader.UInt32();
        mod.OutPort = reader.UInt16();
        mod.Flags = (FlowModFlags)reader.UInt16();
        if (mod.Command is FlowModCommand.Delete or FlowModCommand.DeleteStrict)
        {
            return true; // §4.6: deletes have no use for actions, so bad ones do no harm
        }
        if (!OfActions.TryDecode(reader.Rest, actionStorage, out int count, out error))
        {
            return false;
        }
        mod.Actions = actionStorage[..count];
        return true;
    }
}
