namespace Softswitch.Datapath.Control;

/// <summary>Why the datapath refused a request. The agent names the OpenFlow error type and code for each (§5.4.4).</summary>
internal enum ControlError
{
    None = 0,

    /// <summary>OFPFMFC_ALL_TABLES_FULL.</summary>
    AllTablesFull,

    /// <summary>OFPFMFC_OVERLAP.</summary>
    Overlap,

    /// <summary>OFPFMFC_BAD_EMERG_TIMEOUT.</summary>
    BadEmergencyTimeout,

    /// <summary>OFPFMFC_BAD_COMMAND.</summary>
    BadCommand,

    /// <summary>OFPFMFC_UNSUPPORTED: the action list is not supported as given.</summary>
    UnsupportedActions,

    /// <summary>OFPBAC_BAD_TYPE.</summary>
    BadActionType,

    /// <summary>OFPBAC_BAD_OUT_PORT.</summary>
    BadOutPort,

    /// <summary>OFPBAC_BAD_ARGUMENT.</summary>
    BadActionArgument,

    /// <summary>OFPBAC_TOO_MANY.</summary>
    TooManyActions,

    /// <summary>OFPBAC_BAD_QUEUE.</summary>
    BadQueue,

    /// <summary>OFPBRC_BUFFER_EMPTY: the buffer was used already.</summary>
    BufferEmpty,

    /// <summary>OFPBRC_BUFFER_UNKNOWN: no such buffer.</summary>
    BufferUnknown,

    /// <summary>OFPPMFC_BAD_PORT.</summary>
    BadPort,

    /// <summary>OFPPMFC_BAD_HW_ADDR.</summary>
    BadHardwareAddress,

    /// <summary>OFPBRC_EPERM.</summary>
    NotPermitted,
}
