namespace Softswitch.OfAgent.Wire;

/// <summary>An error's type and code (OpenFlow 1.0.0 §5.4.4).</summary>
public readonly record struct OfError(OfErrorType Type, ushort Code)
{
    /// <summary>OFPHFC_INCOMPATIBLE.</summary>
    public static OfError HelloIncompatible => new(OfErrorType.HelloFailed, 0);

    /// <summary>OFPHFC_EPERM.</summary>
    public static OfError HelloPermission => new(OfErrorType.HelloFailed, 1);

    /// <summary>OFPBRC_BAD_VERSION.</summary>
    public static OfError BadRequestBadVersion => new(OfErrorType.BadRequest, 0);

    /// <summary>OFPBRC_BAD_TYPE.</summary>
    public static OfError BadRequestBadType => new(OfErrorType.BadRequest, 1);

    /// <summary>OFPBRC_BAD_STAT.</summary>
    public static OfError BadRequestBadStat => new(OfErrorType.BadRequest, 2);

    /// <summary>OFPBRC_BAD_VENDOR.</summary>
    public static OfError BadRequestBadVendor => new(OfErrorType.BadRequest, 3);

    /// <summary>OFPBRC_BAD_SUBTYPE.</summary>
    public static OfError BadRequestBadSubtype => new(OfErrorType.BadRequest, 4);

    /// <summary>OFPBRC_EPERM.</summary>
    public static OfError BadRequestPermission => new(OfErrorType.BadRequest, 5);

    /// <summary>OFPBRC_BAD_LEN.</summary>
    public static OfError BadRequestBadLength => new(OfErrorType.BadRequest, 6);

    /// <summary>OFPBRC_BUFFER_EMPTY.</summary>
    public static OfError BadRequestBufferEmpty => new(OfErrorType.BadRequest, 7);

    /// <summary>OFPBRC_BUFFER_UNKNOWN.</summary>
    public static OfError BadRequestBufferUnknown => new(OfErrorType.BadRequest, 8);

    /// <summary>OFPBAC_BAD_TYPE.</summary>
    public static OfError BadActionBadType => new(OfErrorType.BadAction, 0);

    /// <summary>OFPBAC_BAD_LEN.</summary>
    public static OfError BadActionBadLength => new(OfErrorType.BadAction, 1);

    /// <summary>OFPBAC_BAD_VENDOR.</summary>
    public static OfError BadActionBadVendor => new(OfErrorType.BadAction, 2);

    /// <summary>OFPBAC_BAD_VENDOR_TYPE.</summary>
    public static OfError BadActionBadVendorType => new(OfErrorType.BadAction, 3);

    /// <summary>OFPBAC_BAD_OUT_PORT.</summary>
    public static OfError BadActionBadOutPort => new(OfErrorType.BadAction, 4);

    /// <summary>OFPBAC_BAD_ARGUMENT.</summary>
    public static OfError BadActionBadArgument => new(OfErrorType.BadAction, 5);

    /// <summary>OFPBAC_EPERM.</summary>
    public static OfError BadActionPermission => new(OfErrorType.BadAction, 6);

    /// <summary>OFPBAC_TOO_MANY.</summary>
    public static OfError BadActionTooMany => new(OfErrorType.BadAction, 7);

    /// <summary>OFPBAC_BAD_QUEUE.</summary>
    public static OfError BadActionBadQueue => new(OfErrorType.BadAction, 8);

    /// <summary>OFPFMFC_ALL_TABLES_FULL.</summary>
    public static OfError FlowModAllTablesFull => new(OfErrorType.FlowModFailed, 0);

    /// <summary>OFPFMFC_OVERLAP.</summary>
    public static OfError FlowModOverlap => new(OfErrorType.FlowModFailed, 1);

    /// <summary>OFPFMFC_EPERM.</summary>
    public static OfError FlowModPermission => new(OfErrorType.FlowModFailed, 2);

    /// <summary>OFPFMFC_BAD_EMERG_TIMEOUT.</summary>
    public static OfError FlowModBadEmergencyTimeout => new(OfErrorType.FlowModFailed, 3);

    /// <summary>OFPFMFC_BAD_COMMAND.</summary>
    public static OfError FlowModBadCommand => new(OfErrorType.FlowModFailed, 4);

    /// <summary>OFPFMFC_UNSUPPORTED.</summary>
    public static OfError FlowModUnsupported => new(OfErrorType.FlowModFailed, 5);

    /// <summary>OFPPMFC_BAD_PORT.</summary>
    public static OfError PortModBadPort => new(OfErrorType.PortModFailed, 0);

    /// <summary>OFPPMFC_BAD_HW_ADDR.</summary>
    public static OfError PortModBadHardwareAddress => new(OfErrorType.PortModFailed, 1);

    /// <summary>OFPQOFC_BAD_PORT.</summary>
    public static OfError QueueOpBadPort => new(OfErrorType.QueueOpFailed, 0);

    /// <summary>OFPQOFC_BAD_QUEUE.</summary>
    public static OfError QueueOpBadQueue => new(OfErrorType.QueueOpFailed, 1);

    /// <summary>OFPQOFC_EPERM.</summary>
    public static OfError QueueOpPermission => new(OfErrorType.QueueOpFailed, 2);

    /// <summary>The specification's name of the code, such as OFPBRC_BAD_LEN; numbers where it has none.</summary>
    public string Name => Type switch
    {
        OfErrorType.HelloFailed => NameOf(Code,
            "OFPHFC_INCOMPATIBLE", "OFPHFC_EPERM"),
        OfErrorType.BadRequest => NameOf(Code,
            "OFPBRC_BAD_VERSION", "OFPBRC_BAD_TYPE", "OFPBRC_BAD_STAT", "OFPBRC_BAD_VENDOR", "OFPBRC_BAD_SUBTYPE", "OFPBRC_EPERM", "OFPBRC_BAD_LEN", "OFPBRC_BUFFER_EMPTY", "OFPBRC_BUFFER_UNKNOWN"),
        OfErrorType.BadAction => NameOf(Code,
            "OFPBAC_BAD_TYPE", "OFPBAC_BAD_LEN", "OFPBAC_BAD_VENDOR", "OFPBAC_BAD_VENDOR_TYPE", "OFPBAC_BAD_OUT_PORT", "OFPBAC_BAD_ARGUMENT", "OFPBAC_EPERM", "OFPBAC_TOO_MANY", "OFPBAC_BAD_QUEUE"),
        OfErrorType.FlowModFailed => NameOf(Code,
            "OFPFMFC_ALL_TABLES_FULL", "OFPFMFC_OVERLAP", "OFPFMFC_EPERM", "OFPFMFC_BAD_EMERG_TIMEOUT", "OFPFMFC_BAD_COMMAND", "OFPFMFC_UNSUPPORTED"),
        OfErrorType.PortModFailed => NameOf(Code,
            "OFPPMFC_BAD_PORT", "OFPPMFC_BAD_HW_ADDR"),
        OfErrorType.QueueOpFailed => NameOf(Code,
            "OFPQOFC_BAD_PORT", "OFPQOFC_BAD_QUEUE", "OFPQOFC_EPERM"),
        _ => $"type {(ushort)Type} code {Code}",
    };

    /// <returns>OpenFlow's name for it, such as OFPFMFC_OVERLAP.</returns>
    public override string ToString() => Name;

    private string NameOf(ushort code, params ReadOnlySpan<string> names) =>
        code < names.Length ? names[code] : $"type {(ushort)Type} code {code}";
}

/// <summary>enum ofp_error_type (OpenFlow 1.0.0 §5.4.4).</summary>
public enum OfErrorType : ushort
{
    /// <summary>OFPET_HELLO_FAILED.</summary>
    HelloFailed = 0,

    /// <summary>OFPET_BAD_REQUEST.</summary>
    BadRequest = 1,

    /// <summary>OFPET_BAD_ACTION.</summary>
    BadAction = 2,

    /// <summary>OFPET_FLOW_MOD_FAILED.</summary>
    FlowModFailed = 3,

    /// <summary>OFPET_PORT_MOD_FAILED.</summary>
    PortModFailed = 4,

    /// <summary>OFPET_QUEUE_OP_FAILED.</summary>
    QueueOpFailed = 5,
}
