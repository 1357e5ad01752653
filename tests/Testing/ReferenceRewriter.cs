using System.Buffers.Binary;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.Testing;

/// <summary>OpenFlow 1.0.0 §3.3, table 5, on an array of bytes: fields are written, then every checksum is computed anew.</summary>
internal sealed class ReferenceRewriter
{
    private readonly List<byte> _frame;

    // Counted from the end: tags move the start only. 0: the frame has no such header.
    private readonly int _ipFromEnd;
    private readonly int _transportFromEnd;
    private readonly int _total;

    public ReferenceRewriter(byte[] frame)
    {
        _frame = [.. frame];
        int ip = FindIp(frame);
        if (ip == 0)
        {
            return;
        }
        _ipFromEnd = frame.Length - ip;
        _total = U16(frame, ip + 2);
        int header = (frame[ip] & 15) * 4;
        int needed = frame[ip + 9] switch { 6 => 20, 17 => 8, _ => int.MaxValue };
        bool laterFragment = (U16(frame, ip + 6) & 0x1fff) != 0;
        _transportFromEnd = !laterFragment && _total - header >= needed ? _ipFromEnd - header : 0;
    }

    public bool HasIp => _ipFromEnd != 0;

    public bool HasTransport => _transportFromEnd != 0;

    /// <summary>Offset of the IP header's checksum in the frame as it is now.</summary>
    public int IpChecksumAt => _frame.Count - _ipFromEnd + 10;

    /// <summary>Offset of the transport checksum in the frame as it is now.</summary>
    public int TransportChecksumAt => _frame.Count - _transportFromEnd + (_frame[_frame.Count - _ipFromEnd + 9] == 6 ? 16 : 6);

    public void Apply(in FlowAction action)
    {
        bool tagged = _frame.Count >= 18 && _frame[12] == 0x81 && _frame[13] == 0;
        switch (action.Kind)
        {
            case ActionKind.SetVlanVid or ActionKind.SetVlanPcp:
                if (!tagged)
                {
                    _frame.InsertRange(12, [0x81, 0, 0, 0]);
                }
                SetTag(action);
                break;
            case ActionKind.StripVlan when tagged:
                _frame.RemoveRange(12, 4);
                break;
            case ActionKind.SetDlDst:
                Write(0, action.Mac.Value, 6);
                break;
            case ActionKind.SetDlSrc:
                Write(6, action.Mac.Value, 6);
                break;
            case ActionKind.SetNwSrc when HasIp:
                Write(_frame.Count - _ipFromEnd + 12, action.Value, 4);
                break;
            case ActionKind.SetNwDst when HasIp:
                Write(_frame.Count - _ipFromEnd + 16, action.Value, 4);
                break;
            case ActionKind.SetNwTos when HasIp:
                int tos = _frame.Count - _ipFromEnd + 1;
                _frame[tos] = (byte)((_frame[tos] & 3) | (byte)action.Value); // ECN stays
                break;
            case ActionKind.SetTpSrc when HasTransport:
                Write(_frame.Count - _transportFromEnd, action.Value, 2);
                break;
            case ActionKind.SetTpDst when HasTransport:
                Write(_frame.Count - _transportFromEnd + 2, action.Value, 2);
                break;
        }
    }

    /// <summary>The frame with all its checksums right; a UDP checksum of 0 stays (RFC 768).</summary>
    public byte[] Finish()
    {
        byte[] frame = [.. _frame];
        if (!HasIp)
        {
            return frame;
        }
        Span<byte> ip = frame.AsSpan(frame.Length - _ipFromEnd, _total);
        int header = (ip[0] & 15) * 4;
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], TestPacket.TextbookChecksum(ip[..header]));
        if (!HasTransport)
        {
            return frame;
        }
        bool udp = ip[9] == IpProtocol.Udp;
        Span<byte> checksum = ip[(header + (udp ? 6 : 16))..];
        if (udp && BinaryPrimitives.ReadUInt16BigEndian(checksum) == 0)
        {
            return frame;
        }
        BinaryPrimitives.WriteUInt16BigEndian(checksum, 0);
        ushort right = TestPacket.TransportChecksum(ip);
        BinaryPrimitives.WriteUInt16BigEndian(checksum, udp && right == 0 ? (ushort)0xffff : right);
        return frame;
    }

    private static int FindIp(byte[] frame)
    {
        int at = 12;
        if (frame.Length >= 18 && U16(frame, 12) == 0x8100)
        {
            at = 16;
        }
        int type = U16(frame, at);
        at += 2;
        if (type < 0x600 && frame.Length >= at + 8 && frame.AsSpan(at, 6).SequenceEqual((ReadOnlySpan<byte>)[0xaa, 0xaa, 3, 0, 0, 0]))
        {
            type = U16(frame, at + 6);
            at += 8;
        }
        if (type != 0x800 || frame.Length < at + 20 || frame[at] >> 4 != 4)
        {
            return 0;
        }
        int header = (frame[at] & 15) * 4;
        int total = U16(frame, at + 2);
        return header < 20 || total < header || at + total > frame.Length ? 0 : at;
    }

    private void SetTag(in FlowAction action)
    {
        int tci = (_frame[14] << 8) | _frame[15];
        tci = action.Kind == ActionKind.SetVlanVid ? (tci & 0xf000) | (int)action.Value : (tci & 0x1fff) | ((int)action.Value << 13);
        Write(14, (uint)tci, 2);
    }

    private void Write(int at, ulong value, int bytes)
    {
        for (int i = 0; i < bytes; i++)
        {
            _frame[at + i] = (byte)(value >> (8 * (bytes - 1 - i)));
        }
    }

    private static int U16(byte[] frame, int at) => (frame[at] << 8) | frame[at + 1];
}
