using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Wire;

/// <summary>Nicira's tunnel actions, and what stays refused.</summary>
public sealed class NiciraActionsTests
{
    [Theory]
    [InlineData("ffff0010 00002320 0002 0000 00000007", ActionKind.SetTunnel, 7u)]
    [InlineData("ffff0018 00002320 0009 000000000000 00000000ffffffff", ActionKind.SetTunnel, uint.MaxValue)]
    [InlineData("ffff0018 00002320 0007 001f 00014004 000000000a000002", ActionKind.SetTunnelDestination, 0x0a000002u)]
    public void Tunnel_actions_are_read(string hex, ActionKind kind, uint value)
    {
        var actions = new FlowAction[4];
        Assert.True(OfActions.TryDecode(Bytes(hex), actions, out int count, out _));
        Assert.Equal((1, kind, value), (count, actions[0].Kind, actions[0].Value));
    }

    [Theory]
    [InlineData("ffff0018 00002320 0009 000000000000 0000000100000000", "OFPBAC_BAD_ARGUMENT")]
    [InlineData("ffff0018 00002320 0007 000f 00014004 0000000000000002", "OFPBAC_BAD_ARGUMENT")]
    [InlineData("ffff0018 00002320 0007 001f 00014004 0000000100000002", "OFPBAC_BAD_ARGUMENT")]
    [InlineData("ffff0018 00002320 0007 001f 00010004 0000000000000002", "OFPBAC_BAD_VENDOR_TYPE")] // a register
    [InlineData("ffff0010 00002320 0007 001f 00014004", "OFPBAC_BAD_LEN")]
    [InlineData("ffff0018 00002320 0002 0000 00000007 0000000000000000", "OFPBAC_BAD_LEN")]
    [InlineData("ffff0008 00002320", "OFPBAC_BAD_VENDOR_TYPE")]
    [InlineData("ffff0010 00002321 0002 0000 00000007", "OFPBAC_BAD_VENDOR")]
    [InlineData("01000010 00002320 0002 0000 00000007", "OFPBAC_BAD_TYPE")] // our own number for the first
    public void What_is_no_tunnel_action_is_refused(string hex, string error)
    {
        Assert.False(OfActions.TryDecode(Bytes(hex), new FlowAction[4], out _, out OfError reason));
        Assert.Contains(error, reason.ToString(), StringComparison.Ordinal);
    }

    private static byte[] Bytes(string hex) => Convert.FromHexString(hex.Replace(" ", string.Empty, StringComparison.Ordinal));
}
