using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Wire;

/// <summary>A change of a port's configuration: struct ofp_port_mod.</summary>
/// <param name="HardwareAddress">Must be that of the port; a guard against numbers that moved.</param>
/// <param name="Mask">Which bits of <paramref name="Config"/> to set.</param>
/// <param name="Advertise">Features to advertise; none leaves them alone.</param>
internal readonly record struct PortMod(ushort Number, MacAddress HardwareAddress, PortConfig Config, PortConfig Mask, PortFeatures Advertise);

/// <summary>OFPT_PORT_MOD (OpenFlow 1.0.0 §5.3.3).</summary>
/// <remarks>
/// <code>
/// 0        8         10        16       20     24          28    32
/// | header | port_no | hw_addr | config | mask | advertise | pad |
/// </code>
/// </remarks>
internal static class PortModMessage
{
    public const int Size = 32;

    public static void Write(OfBuffer buffer, uint xid, in PortMod mod)
    {
        OfWriter writer = buffer.Message(OfType.PortMod, xid, Size);
        writer.UInt16(mod.Number);
        writer.Mac(mod.HardwareAddress);
        writer.UInt32((uint)mod.Config);
        writer.UInt32((uint)mod.Mask);
        writer.UInt32((uint)mod.Advertise);
    }

    public static bool TryDecode(ReadOnlySpan<byte> message, out PortMod mod, out OfError error)
    {
        OfReader reader = OfReader.Body(message);
        mod = new PortMod(
            reader.UInt16(), reader.Mac(), (PortConfig)reader.UInt32(), (PortConfig)reader.UInt32(), (PortFeatures)reader.UInt32());
        return OfMessage.HasLength(message, Size, out error);
    }
}
