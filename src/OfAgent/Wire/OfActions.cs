using System.Buffers.Binary;
using Softswitch.Datapath.Flows;

namespace Softswitch.OfAgent.Wire;

/// <summary>Action lists (OpenFlow 1.0.0 §5.2.4) to and from <see cref="FlowAction"/>.</summary>
/// <remarks>
/// Only what the bytes themselves must satisfy is judged: known type, right length. Whether a port, a VLAN id or a priority is one
/// the switch accepts is decided in the datapath.
/// </remarks>
internal static class OfActions
{
    /// <summary>Room for the actions of any message: the shortest action has 8 bytes.</summary>
    public const int MaxCount = OfHeader.MaxMessageLength / 8;

    /// <summary>OFPAT_VENDOR.</summary>
    public const ushort VendorType = 0xffff;

    private const int HeaderSize = 4;
    private const int Alignment = 8;

    public static void Write(ref OfWriter writer, ReadOnlySpan<FlowAction> actions)
    {
        foreach (ref readonly FlowAction action in actions)
        {
            if (action.Kind > ActionKind.Enqueue)
            {
                NiciraActions.Write(ref writer, action);
                continue;
            }
            writer.UInt16((ushort)action.Kind);
            writer.UInt16((ushort)FlowAction.WireLengthOf(action.Kind));
            WriteArgument(ref writer, action);
        }
    }

    /// <summary>Decodes a list that fills <paramref name="bytes"/> exactly.</summary>
    /// <param name="storage">Where the actions go; <see cref="MaxCount"/> always suffice.</param>
    /// <param name="error">OFPET_BAD_ACTION with the code that fits.</param>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, Span<FlowAction> storage, out int count, out OfError error)
    {
        count = 0;
        error = default;
        while (bytes.Length > 0)
        {
            int length = bytes.Length < HeaderSize ? 0 : BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
            if (length == 0 || length % Alignment != 0 || length > bytes.Length)
            {
                error = OfError.BadActionBadLength;
                return false;
            }
            if (count == storage.Length)
            {
                error = OfError.BadActionTooMany;
                return false;
            }
            if (!TryDecodeOne(bytes[..length], out storage[count], out error))
            {
                return false;
            }
            count++;
            bytes = bytes[length..];
        }
        return true;
    }

    private static void WriteArgument(ref OfWriter writer, in FlowAction action)
    {
        switch (action.Kind)
        {
            case ActionKind.Output:
                writer.UInt16(action.Port);
                writer.UInt16((ushort)action.Value);
                break;
            case ActionKind.SetVlanVid or ActionKind.SetTpSrc or ActionKind.SetTpDst:
                writer.UInt16((ushort)action.Value);
                writer.Pad(2);
                break;
            case ActionKind.SetVlanPcp or ActionKind.SetNwTos:
                writer.UInt8((byte)action.Value);
                writer.Pad(3);
                break;
            case ActionKind.StripVlan:
                writer.Pad(4);
                break;
            case ActionKind.SetDlSrc or ActionKind.SetDlDst:
                writer.Mac(action.Mac);
                writer.Pad(6);
                break;
            case ActionKind.SetNwSrc or ActionKind.SetNwDst:
                writer.UInt32(action.Value);
                break;
            case ActionKind.Enqueue:
                writer.UInt16(action.Port);
                writer.Pad(6);
                writer.UInt32(action.Value);
                break;
        }
    }

    private static bool TryDecodeOne(ReadOnlySpan<byte> bytes, out FlowAction action, out OfError error)
    {
        OfReader reader = new(bytes);
        ActionKind kind = (ActionKind)reader.UInt16();
        reader.Skip(2);
        if ((ushort)kind == VendorType)
        {
            return NiciraActions.TryDecode(reader, bytes.Length, out action, out error);
        }
        int expected = kind <= ActionKind.Enqueue ? FlowAction.WireLengthOf(kind) : 0; // ours beyond are no numbers of the wire
        if (expected != bytes.Length)
        {
            action = default;
            error = expected != 0 ? OfError.BadActionBadLength : OfError.BadActionBadType;
            return false;
        }
        error = default;
        action = ReadArgument(kind, ref reader);
        return true;
    }

    private static FlowAction ReadArgument(ActionKind kind, ref OfReader reader)
    {
        switch (kind)
        {
            case ActionKind.Output:
                return FlowAction.Output(reader.UInt16(), reader.UInt16());
            case ActionKind.SetVlanVid:
                return FlowAction.SetVlanVid(reader.UInt16());
            case ActionKind.SetVlanPcp:
                return FlowAction.SetVlanPcp(reader.UInt8());
            case ActionKind.SetDlSrc:
                return FlowAction.SetDlSrc(reader.Mac());
            case ActionKind.SetDlDst:
                return FlowAction.SetDlDst(reader.Mac());
            case ActionKind.SetNwSrc:
                return FlowAction.SetNwSrc(reader.UInt32());
            case ActionKind.SetNwDst:
                return FlowAction.SetNwDst(reader.UInt32());
            case ActionKind.SetNwTos:
                return FlowAction.SetNwTos(reader.UInt8());
            case ActionKind.SetTpSrc:
                return FlowAction.SetTpSrc(reader.UInt16());
            case ActionKind.SetTpDst:
                return FlowAction.SetTpDst(reader.UInt16());
            case ActionKind.Enqueue:
                ushort port = reader.UInt16();
                reader.Skip(6);
                return FlowAction.Enqueue(port, reader.UInt32());
            default:
                return FlowAction.StripVlan();
        }
    }
}
