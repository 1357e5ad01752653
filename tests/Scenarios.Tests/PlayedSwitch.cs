using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.OfAgent.Wire;

namespace Softswitch.Scenarios.Tests;

/// <summary>A switch that the test plays for a scenario's controller.</summary>
internal static class PlayedSwitch
{
    /// <summary>Connects to a controller and tells it its number.</summary>
    public static ScriptedPeer Connect(int port, ulong id)
    {
        ScriptedPeer device = new(port);
        device.Send(b => HelloMessage.Write(b, 1));
        device.Await(OfType.FeaturesRequest);
        device.Send(b => FeaturesMessage.WriteReply(b, 2, new SwitchFeatures(id, 256, 2, OfCapabilities.None, 0), []));
        return device;
    }

    /// <summary>Hands a packet up.</summary>
    public static void Arrive(this ScriptedPeer device, ushort port, byte[] frame, PacketInReason reason = PacketInReason.Action) => device.Send(
        b => PacketInMessage.Write(
            b, 0, new PacketIn { BufferId = FlowMod.NoBuffer, InPort = port, Reason = reason, MaxLength = ushort.MaxValue, Data = frame }, ushort.MaxValue));

    public static SentMod ReadMod(this ScriptedPeer device) => SentMod.Of(device.Await(OfType.FlowMod));

    public static void Confirm(this ScriptedPeer device, byte[] barrier) => device.Send(b => BarrierMessage.WriteReply(b, ScriptedPeer.XidOf(barrier)));

    /// <summary>What it was sent until now has been read: an echo is answered next.</summary>
    public static void AssertNothingIsSaid(this ScriptedPeer device)
    {
        device.Send(b => EchoMessage.WriteRequest(b, 9));
        Assert.Equal((byte)OfType.EchoReply, device.Read()[1]);
    }
}

/// <summary>A flow-mod that a controller sent.</summary>
internal sealed record SentMod(FlowModCommand Command, FlowMatch Match, ulong Cookie, ushort Priority, ushort IdleSeconds, ushort HardSeconds, FlowAction[] Actions)
{
    public static SentMod Of(byte[] message)
    {
        Assert.True(FlowModMessage.TryDecode(message, new FlowAction[8], out FlowMod mod, out _));
        return new SentMod(mod.Command, mod.Match, mod.Cookie, mod.Priority, mod.IdleTimeoutSeconds, mod.HardTimeoutSeconds, mod.Actions.ToArray());
    }
}
