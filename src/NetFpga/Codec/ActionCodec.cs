using System.Diagnostics.CodeAnalysis;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Codec;

/// <summary>Action lists to the words of rows and slots, and back.</summary>
/// <remarks>
/// The card rewrites a frame once and sends copies of the result, so only lists that set every field before the first output fit. Where outputs go is
/// the caller's affair: it depends on the port the frame comes from and on what is set on the ports.
/// Differences stay where a tag is stripped and set again: the card keeps bit 12 of the old one, and of two tags it changes the outer one. Whether that may be is the
/// caller's affair, too.
/// </remarks>
internal static class ActionCodec
{
    private const ushort VlanFlags = (1 << (int)ActionKind.SetVlanVid) | (1 << (int)ActionKind.SetVlanPcp);
    private const ushort StripFlag = 1 << (int)ActionKind.StripVlan;

    /// <summary>Flags and values of the rewrites, for destination bitmap 0. A list without output is a drop: no rewrites.</summary>
    /// <param name="actions">The whole list, outputs included. What follows the last output has no effect and is left out.</param>
    /// <param name="reason">Why the card cannot do it, for people.</param>
    public static bool TryEncodeRewrites(CardLayout layout, ReadOnlySpan<FlowAction> actions, out ActionWords words, [NotNullWhen(false)] out string? reason)
    {
        words = default;
        reason = null;
        bool sent = false;
        foreach (ref readonly FlowAction action in UpToLastOutput(actions))
        {
            if (action.IsOutput)
            {
                sent = true;
                continue;
            }
            reason = sent ? $"{action.Kind} after an output: the card rewrites all copies of a frame alike" : Put(layout, action, words);
            if (reason != null)
            {
                words = default;
                return false;
            }
        }
        return true;
    }

    /// <summary>The same rewrites for a destination bitmap, see <see cref="CardPort"/>.</summary>
    public static ActionWords WithOutputs(in ActionWords words, ushort bitmap)
    {
        ActionWords result = words;
        ActionFields.Bitmap.Set(result, bitmap);
        return result;
    }

    public static CardActions Decode(CardLayout layout, in ActionWords words)
    {
        ushort flags = (ushort)ActionFields.Flags.Get(words);
        List<FlowAction> rewrites = [];
        int last = layout == CardLayout.V10 ? (int)ActionKind.SetTpDst : (int)ActionKind.SetDlDst;
        for (int kind = (int)ActionKind.SetVlanVid; kind <= last; kind++)
        {
            if ((flags & (1 << kind)) != 0 && IsDone(layout, (ActionKind)kind))
            {
                rewrites.Add(Take((ActionKind)kind, words));
            }
        }
        bool contradicts = layout == CardLayout.V10 && (flags & StripFlag) != 0 && (flags & VlanFlags) != 0;
        string? anomaly = contradicts ? "strip_vlan and set together: a tag is removed, or added where there was none" : null;
        return new CardActions(rewrites, (ushort)ActionFields.Bitmap.Get(words), anomaly);
    }

    private static ReadOnlySpan<FlowAction> UpToLastOutput(ReadOnlySpan<FlowAction> actions)
    {
        int count = actions.Length;
        while (count > 0 && !actions[count - 1].IsOutput)
        {
            count--;
        }
        return actions[..count];
    }

    /// <summary>Adds one rewrite to those before it; null, or why not.</summary>
    private static string? Put(CardLayout layout, in FlowAction action, Span<uint> words)
    {
        if (action.Kind is < ActionKind.SetVlanVid or > ActionKind.SetTpDst)
        {
            return $"{action.Kind} is nothing the card can do";
        }
        if (!IsDone(layout, action.Kind))
        {
            return $"{action.Kind}: layout 0.9 rewrites dl_src and dl_dst only";
        }
        if (action.Kind == ActionKind.StripVlan)
        {
            StripVlan(words);
            return null;
        }
        if (action.Kind is ActionKind.SetVlanVid or ActionKind.SetVlanPcp)
        {
            SetAgain(words);
        }
        (BitField field, ulong value) = Target(action);
        field.Set(words, value);
        AddFlags(words, (ushort)(1 << (int)action.Kind));
        return null;
    }

    /// <summary>A tag that is set and then stripped is stripped.</summary>
    private static void StripVlan(Span<uint> words)
    {
        ClearVlan(words);
        AddFlags(words, StripFlag);
    }

    /// <summary>A tag that is stripped and then set: on the card strip would win, so what is not set becomes 0 instead, as in a new tag.</summary>
    private static void SetAgain(Span<uint> words)
    {
        if (((ushort)ActionFields.Flags.Get(words) & StripFlag) != 0)
        {
            ClearVlan(words);
            AddFlags(words, VlanFlags);
        }
    }

    private static void ClearVlan(Span<uint> words)
    {
        ActionFields.Flags.Set(words, ActionFields.Flags.Get(words) & ~(ulong)(VlanFlags | StripFlag));
        ActionFields.VlanVid.Set(words, 0);
        ActionFields.VlanPcp.Set(words, 0);
    }

    private static void AddFlags(Span<uint> words, ushort flags) => ActionFields.Flags.Set(words, ActionFields.Flags.Get(words) | flags);

    private static bool IsDone(CardLayout layout, ActionKind kind) =>
        layout == CardLayout.V10 || kind is ActionKind.SetDlSrc or ActionKind.SetDlDst;

    private static (BitField Field, ulong Value) Target(in FlowAction action) => action.Kind switch
    {
        ActionKind.SetVlanVid => (ActionFields.VlanVid, action.Value & 0xfff),
        ActionKind.SetVlanPcp => (ActionFields.VlanPcp, action.Value & 7),
        ActionKind.SetDlSrc => (ActionFields.DlSrc, action.Mac.Value),
        ActionKind.SetDlDst => (ActionFields.DlDst, action.Mac.Value),
        ActionKind.SetNwSrc => (ActionFields.NwSrc, action.Value),
        ActionKind.SetNwDst => (ActionFields.NwDst, action.Value),
        ActionKind.SetNwTos => (ActionFields.NwTos, action.Value & 0xfc),
        ActionKind.SetTpSrc => (ActionFields.TpSrc, action.Value),
        ActionKind.SetTpDst => (ActionFields.TpDst, action.Value),
        _ => throw new ArgumentOutOfRangeException(nameof(action)),
    };

    private static FlowAction Take(ActionKind kind, in ActionWords words) => kind switch
    {
        ActionKind.SetVlanVid => FlowAction.SetVlanVid((ushort)(ActionFields.VlanVid.Get(words) & 0xfff)),
        ActionKind.SetVlanPcp => FlowAction.SetVlanPcp((byte)(ActionFields.VlanPcp.Get(words) & 7)),
        ActionKind.StripVlan => FlowAction.StripVlan(),
        ActionKind.SetDlSrc => FlowAction.SetDlSrc(new MacAddress(ActionFields.DlSrc.Get(words))),
        ActionKind.SetDlDst => FlowAction.SetDlDst(new MacAddress(ActionFields.DlDst.Get(words))),
        ActionKind.SetNwSrc => FlowAction.SetNwSrc((uint)ActionFields.NwSrc.Get(words)),
        ActionKind.SetNwDst => FlowAction.SetNwDst((uint)ActionFields.NwDst.Get(words)),
        ActionKind.SetNwTos => FlowAction.SetNwTos((byte)(ActionFields.NwTos.Get(words) & 0xfc)),
        ActionKind.SetTpSrc => FlowAction.SetTpSrc((ushort)ActionFields.TpSrc.Get(words)),
        ActionKind.SetTpDst => FlowAction.SetTpDst((ushort)ActionFields.TpDst.Get(words)),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}

/// <summary>What a row or slot does with its frames, in the switch's terms.</summary>
/// <param name="Rewrites">Done once, before the frame is sent anywhere.</param>
/// <param name="Bitmap">Destinations as <see cref="CardPort"/> numbers them; 0 drops the frame.</param>
/// <param name="Anomaly">What it does beyond that and no action list can say; null if nothing.</param>
internal sealed record CardActions(IReadOnlyList<FlowAction> Rewrites, ushort Bitmap, string? Anomaly);

/// <summary>Where the values of an action stand in its 320 bits; the last two words are unused.</summary>
internal static class ActionFields
{
    /// <summary>Bit n: the frame goes to destination n, as <see cref="CardPort"/> numbers them.</summary>
    public static readonly BitField Bitmap = new(0, 16);
    public static readonly BitField Flags = new(16, 16);
    public static readonly BitField VlanVid = new(32, 16);
    public static readonly BitField VlanPcp = new(48, 8);
    public static readonly BitField DlSrc = new(56, 48);
    public static readonly BitField DlDst = new(104, 48);
    public static readonly BitField NwSrc = new(152, 32);
    public static readonly BitField NwDst = new(184, 32);
    public static readonly BitField NwTos = new(216, 8);
    public static readonly BitField TpSrc = new(224, 16);
    public static readonly BitField TpDst = new(240, 16);
}
