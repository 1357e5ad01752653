namespace Softswitch.OfAgent.Wire;

/// <summary>enum ofp_config_flags: what becomes of IP fragments (OpenFlow 1.0.0 §5.3.2).</summary>
internal enum OfConfigFlags : ushort
{
    /// <summary>OFPC_FRAG_NORMAL: no special handling.</summary>
    FragmentsNormal = 0,

    /// <summary>OFPC_FRAG_DROP.</summary>
    FragmentsDrop = 1,

    /// <summary>OFPC_FRAG_REASM: reassemble, if OFPC_IP_REASM is among the capabilities.</summary>
    FragmentsReassemble = 2,

    /// <summary>OFPC_FRAG_MASK.</summary>
    FragmentsMask = 3,
}

/// <summary>A connection's configuration: struct ofp_switch_config.</summary>
/// <param name="MissSendLength">Bytes of a packet without a flow entry that go to the controller.</param>
internal readonly record struct SwitchConfig(OfConfigFlags Flags, ushort MissSendLength)
{
    /// <summary>OFP_DEFAULT_MISS_SEND_LEN.</summary>
    public const ushort DefaultMissSendLength = 128;
}

/// <summary>OFPT_GET_CONFIG_REQUEST, OFPT_GET_CONFIG_REPLY and OFPT_SET_CONFIG (OpenFlow 1.0.0 §5.3.2).</summary>
internal static class ConfigMessage
{
    /// <summary>Bytes of a reply and of a SET_CONFIG.</summary>
    public const int Size = 12;

    public static void WriteGetRequest(OfBuffer buffer, uint xid) => buffer.Message(OfType.GetConfigRequest, xid, OfHeader.Size);

    public static void WriteGetReply(OfBuffer buffer, uint xid, SwitchConfig config) => Write(buffer, OfType.GetConfigReply, xid, config);

    public static void WriteSet(OfBuffer buffer, uint xid, SwitchConfig config) => Write(buffer, OfType.SetConfig, xid, config);

    /// <summary>Decodes a GET_CONFIG_REPLY or a SET_CONFIG.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> message, out SwitchConfig config, out OfError error)
    {
        OfReader reader = OfReader.Body(message);
        config = new SwitchConfig((OfConfigFlags)reader.UInt16(), reader.UInt16());
        return OfMessage.HasLength(message, Size, out error);
    }

    private static void Write(OfBuffer buffer, OfType type, uint xid, SwitchConfig config)
    {
        OfWriter writer = buffer.Message(type, xid, Size);
        writer.UInt16((ushort)config.Flags);
        writer.UInt16(config.MissSendLength);
    }
}
