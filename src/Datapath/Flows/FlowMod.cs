using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Flows;

/// <summary>enum ofp_flow_mod_command (OpenFlow 1.0.0 §5.3.3).</summary>
public enum FlowModCommand : ushort
{
    Add = 0,
    Modify = 1,
    ModifyStrict = 2,
    Delete = 3,
    DeleteStrict = 4,
}

/// <summary>enum ofp_flow_mod_flags (OpenFlow 1.0.0 §5.3.3).</summary>
[Flags]
public enum FlowModFlags : ushort
{
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

    public FlowMod()
    {
    }

    public FlowModCommand Command;
    public FlowMatch Match;
    public ulong Cookie;

    /// <summary>Seconds without a packet after which the entry goes; 0 for never.</summary>
    public ushort IdleTimeoutSeconds;

    /// <summary>Seconds after which the entry goes; 0 for never.</summary>
    public ushort HardTimeoutSeconds;

    public ushort Priority = 0x8000;

    /// <summary>A buffered packet to be sent through the new entry; ignored by deletes.</summary>
    public uint BufferId = NoBuffer;

    /// <summary>Deletes only: restricts them to entries that output to this port; <see cref="PortNumber.None"/> for no restriction.</summary>
    public ushort OutPort = Ports.PortNumber.None;

    public FlowModFlags Flags;

    /// <summary>Ignored by deletes. Copied, not kept.</summary>
    public ReadOnlySpan<FlowAction> Actions;
}
