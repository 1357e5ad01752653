using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.NetFpga.Tests.Offload;

/// <summary>The fields of a frame that actions change; the tag is -1 without one, else PCP and VID as on the wire.</summary>
internal readonly record struct ModelFrame(MacAddress DlSrc, MacAddress DlDst, int Tag, uint NwSrc, uint NwDst, byte NwTos, ushort TpSrc, ushort TpDst)
{
    public static ModelFrame Of(in FlowKey key) => new(
        key.DlSrc, key.DlDst, (key.Vlan.Host & FlowKey.VlanPresent) == 0 ? -1 : key.Vlan.Host & 0xefff, key.NwSrc.Host, key.NwDst.Host, key.NwTos, key.TpSrc.Host, key.TpDst.Host);

    /// <summary>As OpenFlow 1.0.0 §5.2.4 has it, for a TCP or UDP frame.</summary>
    public ModelFrame With(in FlowAction action) => action.Kind switch
    {
        ActionKind.SetVlanVid => this with { Tag = (Math.Max(Tag, 0) & 0xe000) | (int)action.Value },
        ActionKind.SetVlanPcp => this with { Tag = (Math.Max(Tag, 0) & 0x0fff) | ((int)action.Value << 13) },
        ActionKind.StripVlan => this with { Tag = -1 },
        ActionKind.SetDlSrc => this with { DlSrc = action.Mac },
        ActionKind.SetDlDst => this with { DlDst = action.Mac },
        ActionKind.SetNwSrc => this with { NwSrc = action.Value },
        ActionKind.SetNwDst => this with { NwDst = action.Value },
        ActionKind.SetNwTos => this with { NwTos = (byte)action.Value },
        ActionKind.SetTpSrc => this with { TpSrc = (ushort)action.Value },
        ActionKind.SetTpDst => this with { TpDst = (ushort)action.Value },
        _ => throw new ArgumentOutOfRangeException(nameof(action)),
    };
}
