using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Registers;
using Softswitch.NetFpga.Tests.Offload;

namespace Softswitch.NetFpga.Tests.Codec;

public sealed class ActionCodecTests
{
    [Theory]
    [InlineData(CardLayout.V10)]
    [InlineData(CardLayout.V09)]
    internal void A_card_sends_what_executing_the_list_in_order_sends(CardLayout layout)
    {
        Random random = new(5);
        int accepted = 0;
        int sending = 0;
        for (int i = 0; i < 20_000; i++)
        {
            FlowAction[] actions = NextList(random);
            bool fits = ActionCodec.TryEncodeRewrites(layout, actions, out ActionWords words, out string? reason);
            Assert.Equal(fits, reason == null);
            Assert.Equal(CanFit(layout, actions), fits);
            if (!fits)
            {
                Assert.Equal(default, words);
                continue;
            }
            accepted++;
            Assert.Equal(0u, words[0] & 0xffff);
            foreach (int tag in new[] { -1, 0x6abc, 0xefff })
            {
                ModelFrame frame = default(ModelFrame) with { Tag = tag };
                List<ModelFrame> sent = Execute(actions, frame);
                sending += sent.Count;
                ModelFrame rewritten = ApplyOnCard(words, frame);
                Assert.All(sent, copy => Assert.Equal(copy, rewritten));
            }
        }
        Assert.True(accepted > 2_000 && sending > 2_000, $"{accepted} lists, {sending} copies");
    }

    [Theory]
    [InlineData(CardLayout.V10)]
    [InlineData(CardLayout.V09)]
    internal void Actions_come_back_with_the_same_effect(CardLayout layout)
    {
        Random random = new(6);
        for (int i = 0; i < 10_000; i++)
        {
            if (!ActionCodec.TryEncodeRewrites(layout, NextList(random), out ActionWords words, out _))
            {
                continue;
            }
            CardActions back = ActionCodec.Decode(layout, ActionCodec.WithOutputs(words, 0x55));
            Assert.Equal(0x55, back.Bitmap);
            Assert.Null(back.Anomaly);
            FlowAction[] again = [.. back.Rewrites, FlowAction.Output(1)];

            Assert.True(ActionCodec.TryEncodeRewrites(layout, again, out ActionWords same, out _));
            Assert.Equal(words, same);
        }
    }

    [Fact]
    public void Tags_that_are_set_and_stripped_become_what_the_card_does_right()
    {
        Assert.Equal("00080000 0", VlanWords([FlowAction.SetVlanVid(5), FlowAction.StripVlan()]));
        Assert.Equal("00060000 5", VlanWords([FlowAction.StripVlan(), FlowAction.SetVlanVid(5)]));
        Assert.Equal("00060000 30000", VlanWords([FlowAction.SetVlanVid(9), FlowAction.StripVlan(), FlowAction.SetVlanPcp(3)]));
        Assert.Equal("00060000 30007", VlanWords([FlowAction.StripVlan(), FlowAction.SetVlanVid(7), FlowAction.SetVlanPcp(3)]));
        Assert.Equal("00020000 7", VlanWords([FlowAction.SetVlanVid(5), FlowAction.SetVlanVid(7)]));
    }

    [Fact]
    public void A_list_without_output_is_a_drop()
    {
        Assert.True(ActionCodec.TryEncodeRewrites(CardLayout.V09, [FlowAction.SetNwSrc(1), FlowAction.StripVlan()], out ActionWords words, out _));
        Assert.Equal(default, words);
    }

    [Theory]
    [InlineData(CardLayout.V10, "SetDlSrc after an output: the card rewrites all copies of a frame alike")]
    [InlineData(CardLayout.V10, "SetTunnel is nothing the card can do")]
    [InlineData(CardLayout.V09, "SetNwSrc: layout 0.9 rewrites dl_src and dl_dst only")]
    internal void What_a_card_cannot_do_is_refused(CardLayout layout, string reason)
    {
        FlowAction[] actions = reason[..8] switch
        {
            "SetDlSrc" => [FlowAction.Output(1), FlowAction.SetDlSrc(default), FlowAction.Output(2)],
            "SetTunne" => [FlowAction.SetTunnel(1), FlowAction.Output(2)],
            _ => [FlowAction.SetNwSrc(1), FlowAction.Output(2)],
        };

        Assert.False(ActionCodec.TryEncodeRewrites(layout, actions, out _, out string? actual));
        Assert.Equal(reason, actual);
    }

    [Fact]
    public void What_no_list_can_say_is_named()
    {
        CardActions actions = ActionCodec.Decode(CardLayout.V10, CardWords.Action("000a0001 00000005 0 0 0 0 0 0 0 0"));

        Assert.Equal("strip_vlan and set together: a tag is removed, or added where there was none", actions.Anomaly);
        Assert.Equal([FlowAction.SetVlanVid(5), FlowAction.StripVlan()], actions.Rewrites);
    }

    private static string VlanWords(FlowAction[] rewrites)
    {
        Assert.True(ActionCodec.TryEncodeRewrites(CardLayout.V10, [.. rewrites, FlowAction.Output(1)], out ActionWords words, out _));
        return $"{words[0]:x8} {words[1]:x}";
    }

    private static FlowAction[] NextList(Random random)
    {
        FlowAction[] actions = new FlowAction[random.Next(7)];
        for (int i = 0; i < actions.Length; i++)
        {
            actions[i] = random.Next(16) switch
            {
                0 or 1 => FlowAction.SetVlanVid((ushort)random.Next(0x1000)),
                2 or 3 => FlowAction.SetVlanPcp((byte)random.Next(8)),
                4 or 5 => FlowAction.StripVlan(),
                6 => FlowAction.SetDlSrc(new MacAddress((ulong)random.NextInt64(1L << 48))),
                7 => FlowAction.SetDlDst(new MacAddress((ulong)random.NextInt64(1L << 48))),
                8 => FlowAction.SetNwSrc((uint)random.NextInt64(1L << 32)),
                9 => FlowAction.SetNwDst((uint)random.NextInt64(1L << 32)),
                10 => FlowAction.SetNwTos((byte)(random.Next(64) << 2)),
                11 => FlowAction.SetTpSrc((ushort)random.Next(0x10000)),
                12 => FlowAction.SetTpDst((ushort)random.Next(0x10000)),
                13 when random.Next(8) == 0 => FlowAction.SetTunnel(1),
                14 => FlowAction.Enqueue(2, 1),
                _ => FlowAction.Output(3),
            };
        }
        return actions;
    }

    private static bool CanFit(CardLayout layout, FlowAction[] actions)
    {
        int first = Array.FindIndex(actions, a => a.IsOutput);
        int last = Array.FindLastIndex(actions, a => a.IsOutput);
        if (last < 0)
        {
            return true;
        }
        bool isOrdered = actions[first..last].All(a => a.IsOutput);
        ActionKind[] known = layout == CardLayout.V09 ? [ActionKind.SetDlSrc, ActionKind.SetDlDst] : [.. Enumerable.Range(1, 10).Select(k => (ActionKind)k)];
        return isOrdered && actions[..first].All(a => known.Contains(a.Kind));
    }

    private static List<ModelFrame> Execute(FlowAction[] actions, ModelFrame frame)
    {
        List<ModelFrame> sent = [];
        foreach (FlowAction action in actions[..(Array.FindLastIndex(actions, action => action.IsOutput) + 1)])
        {
            if (action.IsOutput)
            {
                sent.Add(frame);
            }
            else
            {
                frame = frame.With(action);
            }
        }
        return sent;
    }

    /// <summary>What the card's action processor does, bytes counted as its documents count them.</summary>
    private static ModelFrame ApplyOnCard(in ActionWords words, ModelFrame frame)
    {
        byte[] bytes = new byte[40];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(words[i / 4] >> (8 * (i % 4)));
        }
        int flags = (int)Number(bytes, 2, 2);
        int tag = frame.Tag;
        if ((flags & 0x08) != 0 && tag >= 0)
        {
            tag = -1;
        }
        else
        {
            tag = (flags & 0x02) != 0 ? (Math.Max(tag, 0) & 0xf000) | (int)Number(bytes, 4, 2) : tag;
            tag = (flags & 0x04) != 0 ? (Math.Max(tag, 0) & 0x1fff) | (bytes[6] << 13) : tag;
        }
        return new ModelFrame(
            (flags & 0x10) != 0 ? new MacAddress(Number(bytes, 7, 6)) : frame.DlSrc,
            (flags & 0x20) != 0 ? new MacAddress(Number(bytes, 13, 6)) : frame.DlDst,
            tag,
            (flags & 0x40) != 0 ? (uint)Number(bytes, 19, 4) : frame.NwSrc,
            (flags & 0x80) != 0 ? (uint)Number(bytes, 23, 4) : frame.NwDst,
            (flags & 0x100) != 0 ? (byte)((frame.NwTos & 3) | (bytes[27] & 0xfc)) : frame.NwTos,
            (flags & 0x200) != 0 ? (ushort)Number(bytes, 28, 2) : frame.TpSrc,
            (flags & 0x400) != 0 ? (ushort)Number(bytes, 30, 2) : frame.TpDst);
    }

    private static ulong Number(byte[] bytes, int first, int count)
    {
        ulong number = 0;
        for (int i = count - 1; i >= 0; i--)
        {
            number = (number << 8) | bytes[first + i];
        }
        return number;
    }
}
