using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Text;

/// <summary>A flow, a change or a filter, as <see cref="FlowSyntax"/> reads it.</summary>
internal sealed class ParsedFlow
{
    /// <summary>table_id of requests that mean every table.</summary>
    public const byte AllTables = 0xff;

    /// <summary>Entries where no other priority is given: OFP_DEFAULT_PRIORITY.</summary>
    public const ushort DefaultPriority = 0x8000;

    /// <summary>What to do with the flow; of no meaning in a filter.</summary>
    public FlowModCommand Command { get; set; }

    public FlowMatch Match { get; set; } = MatchSyntax.Any;

    public ulong Cookie { get; set; }

    public ushort IdleTimeoutSeconds { get; set; }

    public ushort HardTimeoutSeconds { get; set; }

    public ushort Priority { get; set; } = DefaultPriority;

    public uint BufferId { get; set; } = FlowMod.NoBuffer;

    public ushort OutPort { get; set; } = PortNumber.None;

    public FlowModFlags Flags { get; set; }

    /// <summary>Filters only.</summary>
    public byte TableId { get; set; } = AllTables;

    public FlowAction[] Actions { get; set; } = [];

    /// <summary>What was read but has no effect, one sentence each.</summary>
    public List<string> Warnings { get; } = [];

    public FlowMod ToFlowMod() => new()
    {
        Command = Command,
        Match = Match,
        Cookie = Cookie,
        IdleTimeoutSeconds = IdleTimeoutSeconds,
        HardTimeoutSeconds = HardTimeoutSeconds,
        Priority = Priority,
        BufferId = BufferId,
        OutPort = OutPort,
        Flags = Flags,
        Actions = Actions,
    };

    public FlowFilter ToFilter() => new(Match, TableId, OutPort);
}
