using System.Buffers.Binary;
using System.Text;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Text;

namespace Softswitch.Hosting.Tracing;

/// <summary>The fields of a packet as the switch's own parser finds them, in a match's words.</summary>
internal sealed class PacketFields
{
    private const int NwChecksumOffset = 10;
    private const int TcpChecksumOffset = 16;
    private const int UdpChecksumOffset = 6;

    private readonly byte[] _bytes;
    private readonly FlowKey _key;
    private readonly HeaderOffsets _layout;

    public PacketFields(byte[] bytes)
    {
        _bytes = bytes;
        FlowKeyParser.Parse(bytes, inPort: 0, out _key, out _layout);
    }

    /// <summary>What the flow table compares.</summary>
    public TraceKey Key(string inPort) => new(
        inPort, $"{_key.DlSrc}", $"{_key.DlDst}",
        IsTagged ? _key.Vlan.Host & 0xfff : null, IsTagged ? _key.Vlan.Host >> 13 : null, $"0x{_key.DlType.Host:x4}",
        _key.NwTos, _key.NwProto, Ipv4Text.Format(_key.NwSrc), Ipv4Text.Format(_key.NwDst), _key.TpSrc.Host, _key.TpDst.Host);

    /// <summary>In one line; the bytes' number for what is no Ethernet frame.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        PacketText.Append(text, _bytes);
        return text.Length == 0 ? $"{_bytes.Length} bytes, less than an Ethernet header" : text.ToString().TrimEnd();
    }

    /// <summary>Whether the checksums of IPv4 and of its transport are right.</summary>
    public string Checksums
    {
        get
        {
            List<string> found = [];
            if ((_layout.Flags & HeaderFlags.Ipv4) != 0)
            {
                Span<byte> ip = _bytes.AsSpan(_layout.NetworkOffset);
                int header = (ip[0] & 0x0f) * 4;
                found.Add($"ip {Word(InternetChecksum.Compute(ip[..header]) == 0)}");
                if (TransportName is { } name && (_layout.Flags & HeaderFlags.Fragment) == 0)
                {
                    Span<byte> transport = ip[header..BinaryPrimitives.ReadUInt16BigEndian(ip[2..])];
                    bool isAbsent = name == "udp" && TransportChecksum == 0;
                    ulong sum = InternetChecksum.Add(transport, InternetChecksum.AddPseudoHeader(ip[12..20], ip[9], transport.Length));
                    found.Add(isAbsent ? "udp none" : $"{name} {Word(InternetChecksum.Finish(sum) == 0)}");
                }
            }
            return string.Join(", ", found);

            static string Word(bool isRight) => isRight ? "right" : "wrong";
        }
    }

    /// <summary>What another packet, which this one became, has otherwise.</summary>
    public IReadOnlyList<FieldChange> Compare(PacketFields after) =>
    [
        .. List().Zip(after.List(), (old, now) => new FieldChange(old.Name, old.Value, now.Value))
            .Where(change => change.From != change.To),
    ];

    private bool IsTagged => (_layout.Flags & HeaderFlags.Tagged) != 0;

    private string? TransportName => (_layout.Flags & HeaderFlags.Tcp) != 0 ? "tcp" : (_layout.Flags & HeaderFlags.Udp) != 0 ? "udp" : null;

    private ushort TransportChecksum => WordAt(_layout.TransportOffset + (TransportName == "tcp" ? TcpChecksumOffset : UdpChecksumOffset));

    private ushort WordAt(int offset) => BinaryPrimitives.ReadUInt16BigEndian(_bytes.AsSpan(offset));

    private IEnumerable<(string Name, string Value)> List() =>
    [
        ("dl_src", $"{_key.DlSrc}"),
        ("dl_dst", $"{_key.DlDst}"),
        ("dl_vlan", IsTagged ? $"{_key.Vlan.Host & 0xfff}" : "none"),
        ("dl_vlan_pcp", IsTagged ? $"{_key.Vlan.Host >> 13}" : "none"),
        ("dl_type", $"0x{_key.DlType.Host:x4}"),
        ("nw_tos", $"{_key.NwTos}"),
        ("nw_src", Ipv4Text.Format(_key.NwSrc)),
        ("nw_dst", Ipv4Text.Format(_key.NwDst)),
        ("tp_src", $"{_key.TpSrc.Host}"),
        ("tp_dst", $"{_key.TpDst.Host}"),
        ("ip checksum", (_layout.Flags & HeaderFlags.Ipv4) != 0 ? $"0x{WordAt(_layout.NetworkOffset + NwChecksumOffset):x4}" : "none"),
        ($"{TransportName} checksum", TransportName != null ? $"0x{TransportChecksum:x4}" : "none"),
    ];
}
