using Softswitch.Datapath.Control;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>The OpenFlow error for each refusal of the datapath (OpenFlow 1.0.0 §5.4.4).</summary>
internal static class ControlErrors
{
    public static OfError ToOfError(ControlError error) => error switch
    {
        ControlError.AllTablesFull => OfError.FlowModAllTablesFull,
        ControlError.Overlap => OfError.FlowModOverlap,
        ControlError.BadEmergencyTimeout => OfError.FlowModBadEmergencyTimeout,
        ControlError.BadCommand => OfError.FlowModBadCommand,
        ControlError.UnsupportedActions => OfError.FlowModUnsupported,
        ControlError.BadActionType => OfError.BadActionBadType,
        ControlError.BadOutPort => OfError.BadActionBadOutPort,
        ControlError.BadActionArgument => OfError.BadActionBadArgument,
        ControlError.TooManyActions => OfError.BadActionTooMany,
        ControlError.BadQueue => OfError.BadActionBadQueue,
        ControlError.BufferEmpty => OfError.BadRequestBufferEmpty,
        ControlError.BufferUnknown => OfError.BadRequestBufferUnknown,
        ControlError.BadPort => OfError.PortModBadPort,
        ControlError.BadHardwareAddress => OfError.PortModBadHardwareAddress,
        ControlError.NotPermitted => OfError.BadRequestPermission,
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "is no error"),
    };
}
