namespace Softswitch.OfAgent.Wire;

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
