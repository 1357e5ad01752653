using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Wire;

/// <summary>enum ofp_capabilities (OpenFlow 1.0.0 §5.3.1).</summary>
[Flags]
internal enum OfCapabilities : uint
{
    None = 0,

    /// <summary>OFPC_FLOW_STATS.</summary>
    FlowStats = 1 << 0,

    /// <summary>OFPC_TABLE_STATS.</summary>
    TableStats = 1 << 1,

    /// <summary>OFPC_PORT_STATS.</summary>
    PortStats = 1 << 2,

    /// <summary>OFPC_STP: 802.1D spanning tree.</summary>
    Stp = 1 << 3,

    /// <summary>OFPC_IP_REASM: can reassemble IP fragments.</summary>
    IpReassembly = 1 << 5,

    /// <summary>OFPC_QUEUE_STATS.</summary>
    QueueStats = 1 << 6,

    /// <summary>OFPC_ARP_MATCH_IP: matches IP addresses in ARP packets.</summary>
    ArpMatchIp = 1 << 7,
}

/// <summary>What a switch says of itself in a features reply, ports aside.</summary>
/// <param name="DatapathId">The lower 48 bits are a MAC address by custom, the upper 16 the implementer's.</param>
/// <param name="BufferCount">Packets the switch can keep for the controller.</param>
/// <param name="Actions">Bit (1 &lt;&lt; OFPAT number) for each action supported.</param>
internal readonly record struct SwitchFeatures(ulong DatapathId, uint BufferCount, byte TableCount, OfCapabilities Capabilities, uint Actions);

/// <summary>OFPT_FEATURES_REQUEST and OFPT_FEATURES_REPLY (OpenFlow 1.0.0 §5.3.1).</summary>
/// <remarks>
/// <code>
/// 0        8             16          20         21    24             28        32
/// | header | datapath_id | n_buffers | n_tables | pad | capabilities | actions | ports, 48 bytes each ...
/// </code>
/// </remarks>
internal static class FeaturesMessage
{
    public const int ReplyHeaderSize = 32;

    /// <summary>Ports that fit a reply; more cannot be told to a controller.</summary>
    public const int MaxPorts = (OfHeader.MaxMessageLength - ReplyHeaderSize) / OfMessage.PortSize;

    public static void WriteRequest(OfBuffer buffer, uint xid) => buffer.Message(OfType.FeaturesRequest, xid, OfHeader.Size);

    /// <param name="ports">The first <see cref="MaxPorts"/> are written.</param>
    public static void WriteReply(OfBuffer buffer, uint xid, in SwitchFeatures features, IReadOnlyList<PortDescription> ports)
    {
        int count = Math.Min(ports.Count, MaxPorts);
        OfWriter writer = buffer.Message(OfType.FeaturesReply, xid, ReplyHeaderSize + (count * OfMessage.PortSize));
        writer.UInt64(features.DatapathId);
        writer.UInt32(features.BufferCount);
        writer.UInt8(features.TableCount);
        writer.Pad(3);
        writer.UInt32((uint)features.Capabilities);
        writer.UInt32(features.Actions);
        for (int i = 0; i < count; i++)
        {
            OfMessage.WritePort(ref writer, ports[i]);
        }
    }

    /// <param name="ports">The ports are added here.</param>
    public static bool TryDecodeReply(ReadOnlySpan<byte> message, ICollection<PortDescription> ports, out SwitchFeatures features, out OfError error)
    {
        features = default;
        error = OfError.BadRequestBadLength;
        if (message.Length < ReplyHeaderSize || (message.Length - ReplyHeaderSize) % OfMessage.PortSize != 0)
        {
            return false;
        }
        OfReader reader = OfReader.Body(message);
        ulong datapathId = reader.UInt64();
        uint buffers = reader.UInt32();
        byte tables = reader.UInt8();
        reader.Skip(3);
        features = new SwitchFeatures(datapathId, buffers, tables, (OfCapabilities)reader.UInt32(), reader.UInt32());
        while (reader.Rest.Length > 0)
        {
            ports.Add(OfMessage.ReadPort(ref reader));
        }
        return true;
    }
}
