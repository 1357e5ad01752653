using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Text;

/// <summary>Writes flow entries and flow-mods in the words of ovs-ofctl 3.1.</summary>
internal static class FlowText
{
    /// <summary>A line of dump-flows, without the line's end.</summary>
    /// <param name="isShort">What a flow-mod says only, as with --no-stats.</param>
    public static void AppendStatistics(StringBuilder text, in FlowStatistics flow, bool isShort = false)
    {
        text.Append(' ');
        AppendIf(text, !isShort || flow.Cookie != 0, $"cookie=0x{flow.Cookie:x}, ");
        if (!isShort)
        {
            text.Append("duration=");
            AppendDuration(text, flow.Duration);
            text.Append("s, ");
        }
        AppendIf(text, !isShort || flow.TableId != 0, $"table={flow.TableId}, ");
        if (!isShort)
        {
            text.Append("n_packets=");
            AppendCounter(text, flow.PacketCount);
            text.Append(", n_bytes=");
            AppendCounter(text, flow.ByteCount);
            text.Append(", ");
        }
        if (flow.IdleTimeoutSeconds != 0)
        {
            text.Append($"idle_timeout={flow.IdleTimeoutSeconds}, ");
        }
        if (flow.HardTimeoutSeconds != 0)
        {
            text.Append($"hard_timeout={flow.HardTimeoutSeconds}, ");
        }
        if (MatchText.Append(text, flow.Match, flow.Priority))
        {
            text.Append(' ');
        }
        text.Append("actions=");
        ActionText.Append(text, flow.Actions);
    }

    /// <summary>A flow-mod as ovs-ofctl prints messages: <c>ADD priority=5,tcp idle:10 actions=output:2</c>.</summary>
    public static void AppendFlowMod(StringBuilder text, in FlowMod mod)
    {
        text.Append(mod.Command switch
        {
            FlowModCommand.Add => "ADD",
            FlowModCommand.Modify => "MOD",
            FlowModCommand.ModifyStrict => "MOD_STRICT",
            FlowModCommand.Delete => "DEL",
            FlowModCommand.DeleteStrict => "DEL_STRICT",
            _ => $"cmd:{(ushort)mod.Command}",
        });
        text.Append(' ');
        if (MatchText.Append(text, mod.Match, mod.Priority))
        {
            text.Append(' ');
        }
        AppendIf(text, mod.Cookie != 0, $"cookie:0x{mod.Cookie:x} ");
        AppendIf(text, mod.IdleTimeoutSeconds != 0, $"idle:{mod.IdleTimeoutSeconds} ");
        AppendIf(text, mod.HardTimeoutSeconds != 0, $"hard:{mod.HardTimeoutSeconds} ");
        AppendIf(text, mod.BufferId != FlowMod.NoBuffer, $"buf:0x{mod.BufferId:x} ");
        AppendIf(text, mod.OutPort != PortNumber.None, $"out_port:{PortNames.Format(mod.OutPort)} ");
        AppendIf(text, mod.Flags.HasFlag(FlowModFlags.SendFlowRemoved), "send_flow_rem ");
        AppendIf(text, mod.Flags.HasFlag(FlowModFlags.CheckOverlap), "check_overlap ");
        AppendIf(text, mod.Flags.HasFlag(FlowModFlags.Emergency), "emerg ");
        text.Append("actions=");
        ActionText.Append(text, mod.Actions);
    }

    /// <summary>What an entry says beside its counters, as diff-flows shows it: <c>priority=5,tcp cookie=0x1 actions=output:2</c>.</summary>
    public static void AppendContent(
        StringBuilder text, in FlowMatch match, ushort priority, ulong cookie, ushort idleTimeoutSeconds, ushort hardTimeoutSeconds, ReadOnlySpan<FlowAction> actions)
    {
        MatchText.Append(text, match, priority);
        AppendIf(text, cookie != 0, $" cookie=0x{cookie:x}");
        AppendIf(text, idleTimeoutSeconds != 0, $" idle_timeout={idleTimeoutSeconds}");
        AppendIf(text, hardTimeoutSeconds != 0, $" hard_timeout={hardTimeoutSeconds}");
        text.Append(" actions=");
        ActionText.Append(text, actions);
    }

    /// <summary>A flow as <see cref="FlowSyntax"/> reads it.</summary>
    public static void AppendSyntax(StringBuilder text, ParsedFlow flow)
    {
        AppendIf(text, flow.Cookie != 0, $"cookie=0x{flow.Cookie:x},");
        AppendIf(text, flow.IdleTimeoutSeconds != 0, $"idle_timeout={flow.IdleTimeoutSeconds},");
        AppendIf(text, flow.HardTimeoutSeconds != 0, $"hard_timeout={flow.HardTimeoutSeconds},");
        AppendIf(text, flow.BufferId != FlowMod.NoBuffer, $"buffer_id={flow.BufferId},");
        AppendIf(text, flow.OutPort != PortNumber.None, $"out_port={PortNames.Format(flow.OutPort)},");
        AppendIf(text, flow.Flags.HasFlag(FlowModFlags.SendFlowRemoved), "send_flow_rem,");
        AppendIf(text, flow.Flags.HasFlag(FlowModFlags.CheckOverlap), "check_overlap,");
        AppendIf(text, flow.Flags.HasFlag(FlowModFlags.Emergency), "emerg,");
        if (MatchText.Append(text, flow.Match, flow.Priority))
        {
            text.Append(' ');
        }
        if (flow.Command is not (FlowModCommand.Delete or FlowModCommand.DeleteStrict))
        {
            text.Append("actions=");
            ActionText.Append(text, flow.Actions);
        }
    }

    /// <summary>Seconds with as many decimals as the duration has.</summary>
    internal static void AppendDuration(StringBuilder text, TimeSpan duration)
    {
        text.Append(duration.Ticks / TimeSpan.TicksPerSecond);
        long fraction = duration.Ticks % TimeSpan.TicksPerSecond;
        if (fraction > 0)
        {
            // ovs-ofctl: whole milliseconds keep their three digits, anything finer loses its trailing zeros.
            text.Append('.').Append(
                fraction % TimeSpan.TicksPerMillisecond == 0
                    ? (fraction / TimeSpan.TicksPerMillisecond).ToString("d3")
                    : fraction.ToString("d7").TrimEnd('0'));
        }
    }

    /// <summary>A counter; all ones mean that the switch does not keep it (§5.3.5).</summary>
    internal static void AppendCounter(StringBuilder text, ulong value)
    {
        if (value == ulong.MaxValue)
        {
            text.Append('?');
        }
        else
        {
            text.Append(value);
        }
    }

    private static void AppendIf(StringBuilder text, bool condition, string value)
    {
        if (condition)
        {
            text.Append(value);
        }
    }
}
