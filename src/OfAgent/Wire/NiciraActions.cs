using Softswitch.Datapath.Flows;

namespace Softswitch.OfAgent.Wire;

/// <summary>Nicira's actions that choose a tunnel's key and remote end: bodies of OFPAT_VENDOR.</summary>
/// <remarks>
/// <code>
/// 0                4        8         10        16            24
/// | 0xffff, length | vendor | subtype | pad 2, key, 4 |                 NXAST_SET_TUNNEL
/// | 0xffff, length | vendor | subtype | pad 6 | key, 8 |                NXAST_SET_TUNNEL64
/// | 0xffff, length | vendor | subtype | bits 2, field 4 | value, 8 |    NXAST_REG_LOAD
/// </code>
/// A load is known for one field, the remote end (NXM_NX_TUN_IPV4_DST), whole. All other actions of Nicira are refused as
/// OFPBAC_BAD_VENDOR_TYPE. Source: Open vSwitch, include/openflow/nicira-ext.h.
/// </remarks>
internal static class NiciraActions
{
    private const ushort RegisterLoad = 7;
    private const ushort SetTunnel = 2;
    private const ushort SetTunnel64 = 9;
    private const int SetTunnelLength = 16;
    private const int LongLength = 24;

    // NXM_HEADER(vendor 1, field 32, 4 bytes); offset 0 and 32 bits as ofs_nbits has them.
    private const uint TunnelDestinationField = (1 << 16) | (32 << 9) | 4;
    private const ushort WholeAddress = 31;

    public static void Write(ref OfWriter writer, in FlowAction action)
    {
        writer.UInt16(OfActions.VendorType);
        writer.UInt16((ushort)FlowAction.WireLengthOf(action.Kind));
        writer.UInt32(VendorMessage.Nicira);
        if (action.Kind == ActionKind.SetTunnel)
        {
            writer.UInt16(SetTunnel);
            writer.Pad(2);
            writer.UInt32(action.Value);
            return;
        }
        writer.UInt16(RegisterLoad);
        writer.UInt16(WholeAddress);
        writer.UInt32(TunnelDestinationField);
        writer.UInt64(action.Value);
    }

    /// <param name="reader">Behind the action's length.</param>
    /// <param name="length">Of the whole action.</param>
    public static bool TryDecode(OfReader reader, int length, out FlowAction action, out OfError error)
    {
        action = default;
        uint vendor = reader.UInt32();
        ushort subtype = reader.UInt16();
        error = vendor != VendorMessage.Nicira ? OfError.BadActionBadVendor
            : subtype is not (SetTunnel or SetTunnel64 or RegisterLoad) ? OfError.BadActionBadVendorType
            : length != (subtype == SetTunnel ? SetTunnelLength : LongLength) ? OfError.BadActionBadLength
            : default;
        if (error != default)
        {
            return false;
        }
        if (subtype == RegisterLoad)
        {
            return TryDecodeLoad(ref reader, out action, out error);
        }
        reader.Skip(subtype == SetTunnel ? 2 : 6);
        ulong key = subtype == SetTunnel ? reader.UInt32() : reader.UInt64();
        error = key > uint.MaxValue ? OfError.BadActionBadArgument : default; // no header here has room for more
        action = FlowAction.SetTunnel((uint)key);
        return key <= uint.MaxValue;
    }

    private static bool TryDecodeLoad(ref OfReader reader, out FlowAction action, out OfError error)
    {
        ushort bits = reader.UInt16();
        uint field = reader.UInt32();
        ulong value = reader.UInt64();
        action = FlowAction.SetTunnelDestination((uint)value);
        error = field != TunnelDestinationField ? OfError.BadActionBadVendorType
            : bits != WholeAddress || value > uint.MaxValue ? OfError.BadActionBadArgument
            : default;
        return error == default;
    }
}
