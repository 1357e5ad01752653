using System.Buffers.Binary;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.Testing;

/// <summary>OpenFlow 1.0.0 §3.4 read aloud, field by field into a match, without thought of speed: what the parser must agree with.</summary>
internal static class ReferenceParser
{
    public static FlowMatch Parse(byte[] frame, ushort inPort)
    {
        FlowMatch match = new() { InPort = inPort, DlVlan = FlowMatch.VlanNone };
        if (frame.Length < 14)
        {
            match.DlVlan = 0;
            return match;
        }
        match.DlDst = new MacAddress(frame);
        match.DlSrc = new MacAddress(frame.AsSpan(6));
        int at = 12;
        ushort type = U16(frame, at);
        if (type == 0x8100 && frame.Length >= 18)
        {
            match.DlVlan = (ushort)(U16(frame, 14) & 0xfff);
            match.DlVlanPcp = (byte)(frame[14] >> 5);
            at = 16;
            type = U16(frame, at);
        }
        at += 2;
        if (type < 0x600)
        {
            bool snap = frame.Length >= at + 8 && frame[at] == 0xaa && frame[at + 1] == 0xaa && frame[at + 2] == 3
                && frame[at + 3] == 0 && frame[at + 4] == 0 && frame[at + 5] == 0;
            type = snap ? U16(frame, at + 6) : (ushort)0x5ff;
            at += snap ? 8 : 0;
        }
        match.DlType = type;
        if (type == 0x806)
        {
            ParseArp(frame, at, ref match);
        }
        else if (type == 0x800)
        {
            ParseIp(frame, at, ref match);
        }
        return match;
    }

    private static void ParseArp(byte[] frame, int at, ref FlowMatch match)
    {
        if (frame.Length >= at + 28 && U16(frame, at) == 1 && U16(frame, at + 2) == 0x800 && frame[at + 4] == 6 && frame[at + 5] == 4)
        {
            match.NwProto = frame[at + 7];
            match.NwSrc = U32(frame, at + 14);
            match.NwDst = U32(frame, at + 24);
        }
    }

    private static void ParseIp(byte[] frame, int at, ref FlowMatch match)
    {
        if (frame.Length < at + 20)
        {
            return;
        }
        int header = (frame[at] & 15) * 4;
        int total = U16(frame, at + 2);
        if (frame[at] >> 4 != 4 || header < 20 || total < header || at + total > frame.Length)
        {
            return;
        }
        match.NwTos = (byte)(frame[at + 1] & 0xfc);
        match.NwProto = frame[at + 9];
        match.NwSrc = U32(frame, at + 12);
        match.NwDst = U32(frame, at + 16);
        if ((U16(frame, at + 6) & 0x3fff) != 0)
        {
            return;
        }
        int payload = total - header;
        int tp = at + header;
        if ((match.NwProto == 6 && payload >= 20) || (match.NwProto == 17 && payload >= 8))
        {
            match.TpSrc = U16(frame, tp);
            match.TpDst = U16(frame, tp + 2);
        }
        else if (match.NwProto == 1 && payload >= 4)
        {
            match.TpSrc = frame[tp];
            match.TpDst = frame[tp + 1];
        }
    }

    private static ushort U16(byte[] frame, int at) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at));

    private static uint U32(byte[] frame, int at) => BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(at));
}
