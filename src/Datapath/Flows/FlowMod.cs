using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Flows;

/// <summary>enum ofp_flow_mod_command (OpenFlow 1.0.0 §5.3.3).</summary>
public enum FlowModCommand : ushort
{
    /// <summary>OFPFC_ADD: one of the same match and priority is replaced.</summary>
    Add = 0,

    /// <summary>OFPFC_MODIFY: sets the actions of entries the match covers; adds one if there is none.</summary>
    Modify = 1,

    /// <summary>OFPFC_MODIFY_STRICT: the same for the entry of this match and priority.</summary>
    ModifyStrict = 2,

    /// <summary>OFPFC_DELETE: entries the match covers.</summary>
    Delete = 3,

    /// <summary>OFPFC_DELETE_STRICT: the entry of this match and priority.</summary>
    DeleteStrict = 4,
}

/// <summary>enum ofp_flow_mod_flags (OpenFlow 1.0.0 §5.3.3).</summary>
[Flags]
public enum FlowModFlags : ushort
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>OFPFF_SEND_FLOW_REM.</summary>
    SendFlowRemoved = 1 << 0,

    /// <summary>OFPFF_CHECK_OVERLAP.</summary>
    CheckOverlap = 1 << 1,

    /// <summary>OFPFF_EMERG.</summary>
    Emergency = 1 << 2,
}

/// <summary>One change of the flow table (OpenFlow 1.0.0 §4.6, §5.3.3). Host byte order.</summary>
public ref struct FlowMod
{
    /// <summary>buffer_id of a message that names no buffer.</summary>
    public const uint NoBuffer = 0xffff_ffff;

    /// <summary>An ADD of priority 0x8000 that names no buffer.</summary>
    public FlowMod()
    {
    }

    /// <summary>What to do.</summary>
    public FlowModCommand Command;

    /// <summary>Which packets, or which entries.</summary>
    public FlowMatch Match;

    /// <summary>The program's own number, shown in reports.</summary>
    public ulong Cookie;

    /// <summary>Seconds without a packet after which the entry goes; 0 for never.</summary>
    public ushort IdleTimeoutSeconds;

    /// <summary>Seconds after which the entry goes; 0 for never.</summary>
    public ushort HardTimeoutSeconds;

    /// <summary>The highest wins; entries without wildcards win over all others.</summary>
    public ushort Priority = 0x8000;

    /// <summary>A buffered packet to be sent through the new entry; ignored by deletes.</summary>
    public uint BufferId = NoBuffer;

    /// <summary>Deletes only: restricts them to entries that output to this port; <see cref="PortNumber.None"/> for no restriction.</summary>
    public ushort OutPort = Ports.PortNumber.None;

    /// <summary>Of an ADD.</summary>
    public FlowModFlags Flags;

    /// <summary>Ignored by deletes. Copied, not kept.</summary>
    public ReadOnlySpan<FlowAction> Actions;
}
