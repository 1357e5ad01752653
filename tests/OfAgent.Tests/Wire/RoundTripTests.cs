using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Wire;

public sealed class RoundTripTests
{
    /// <summary>Messages that carry what our encoders do not write.</summary>
    private static readonly string[] Lossy =
    [
        "hello.txt: hello of a later version with a version bitmap", // we send version 1 and no bitmap
        "stats-port.txt: reply, counters kept and not kept", // we do not keep the last four
        "stats-vendor.txt: request of an unknown type",
    ];

    public static TheoryData<string> Cases => [.. MessageFiles.WellFormed.Select(c => c.ToString()).Except(Lossy)];

    [Theory, MemberData(nameof(Cases))]
    public void A_message_encodes_to_the_bytes_it_was_decoded_from(string name)
    {
        MessageCase message = MessageFiles.Find(name);
        OfBuffer buffer = new();

        Assert.True(Recoding.TryRecode(message.Bytes, buffer));
        Assert.Equal(Convert.ToHexString(message.Bytes), Convert.ToHexString(buffer.Written));
    }

    [Fact]
    public void Every_message_type_has_a_case()
    {
        OfType[] covered = [.. MessageFiles.WellFormed.Select(c => (OfType)c.Bytes[1]).Distinct().Order()];

        Assert.Equal(Enum.GetValues<OfType>(), covered);
    }

    [Fact]
    public void Random_flow_mods_survive_the_wire()
    {
        const int seed = 20;
        Random random = new(seed);
        OfBuffer buffer = new();
        FlowAction[] storage = new FlowAction[OfActions.MaxCount];
        for (int round = 0; round < 20_000; round++)
        {
            FlowAction[] actions = RandomActions(random);
            FlowMod sent = new()
            {
                Command = (FlowModCommand)random.Next(3),
                Match = RandomMatch(random),
                Cookie = (ulong)random.NextInt64(),
                IdleTimeoutSeconds = (ushort)random.Next(65536),
                HardTimeoutSeconds = (ushort)random.Next(65536),
                Priority = (ushort)random.Next(65536),
                BufferId = (uint)random.NextInt64(),
                OutPort = (ushort)random.Next(65536),
                Flags = (FlowModFlags)random.Next(65536),
                Actions = actions,
            };
            buffer.Reset();
            FlowModMessage.Write(buffer, (uint)round, sent);

            Assert.True(FlowModMessage.TryDecode(buffer.Written, storage, out FlowMod received, out _), $"seed {seed} round {round}");
            bool same = sent.Command == received.Command && sent.Match == received.Match && sent.Cookie == received.Cookie
                && sent.IdleTimeoutSeconds == received.IdleTimeoutSeconds && sent.HardTimeoutSeconds == received.HardTimeoutSeconds
                && sent.Priority == received.Priority && sent.BufferId == received.BufferId && sent.OutPort == received.OutPort
                && sent.Flags == received.Flags && sent.Actions.SequenceEqual(received.Actions);
            Assert.True(same, $"seed {seed} round {round}");
        }
    }

    [Fact]
    public void A_list_of_the_most_actions_a_message_can_hold_survives()
    {
        FlowAction[] actions = [.. Enumerable.Repeat(FlowAction.StripVlan(), (OfHeader.MaxMessageLength - FlowModMessage.HeaderSize) / 8)];
        FlowMod sent = new() { Actions = actions };
        OfBuffer buffer = new();
        FlowModMessage.Write(buffer, 1, sent);

        Assert.True(FlowModMessage.TryDecode(buffer.Written, new FlowAction[OfActions.MaxCount], out FlowMod received, out _));
        Assert.Equal(actions.Length, received.Actions.Length);
    }

    [Fact]
    public void A_message_longer_than_its_length_field_can_say_is_refused()
    {
        byte[] body = new byte[OfHeader.MaxMessageLength];

        Assert.Throws<ArgumentOutOfRangeException>(() => EchoMessage.WriteRequest(new OfBuffer(), 1, body));
    }

    [Fact]
    public void A_name_too_long_for_its_field_is_cut_between_characters()
    {
        OfBuffer buffer = new();
        PortDescription port = new(1, default, "fourteen-bytesäö", default, default, default, default, default, default);
        PortStatusMessage.Write(buffer, 0, PortStatusReason.Add, port);

        Assert.True(PortStatusMessage.TryDecode(buffer.Written, out _, out PortDescription decoded, out _));
        Assert.Equal("fourteen-bytes", decoded.Name);
    }

    [Fact]
    public void Decoding_and_encoding_flow_mods_allocates_nothing()
    {
        byte[] message = MessageFiles.Find("flow-mod.txt: every action").Bytes;
        FlowAction[] storage = new FlowAction[OfActions.MaxCount];
        OfBuffer buffer = new();

        Assert.Equal(0, Allocations.OfOneRound(() =>
        {
            for (int i = 0; i < 100_000; i++)
            {
                buffer.Reset();
                FlowModMessage.TryDecode(message, storage, out FlowMod mod, out _);
                FlowModMessage.Write(buffer, 1, mod);
            }
        }));
    }

    private static FlowMatch RandomMatch(Random random) => new()
    {
        Wildcards = (FlowWildcards)(uint)random.NextInt64(),
        InPort = (ushort)random.Next(65536),
        DlSrc = new MacAddress((ulong)random.NextInt64(1L << 48)),
        DlDst = new MacAddress((ulong)random.NextInt64(1L << 48)),
        DlVlan = (ushort)random.Next(65536),
        DlType = (ushort)random.Next(65536),
        DlVlanPcp = (byte)random.Next(256),
        NwTos = (byte)random.Next(256),
        NwProto = (byte)random.Next(256),
        NwSrc = (uint)random.NextInt64(),
        NwDst = (uint)random.NextInt64(),
        TpSrc = (ushort)random.Next(65536),
        TpDst = (ushort)random.Next(65536),
    };

    private static FlowAction[] RandomActions(Random random)
    {
        FlowAction[] actions = new FlowAction[random.Next(12)];
        for (int i = 0; i < actions.Length; i++)
        {
            MacAddress mac = new((ulong)random.NextInt64(1L << 48));
            ushort value = (ushort)random.Next(65536);
            actions[i] = (ActionKind)random.Next(14) switch
            {
                ActionKind.Output => FlowAction.Output(value, (ushort)random.Next(65536)),
                ActionKind.SetVlanVid => FlowAction.SetVlanVid(value),
                ActionKind.SetVlanPcp => FlowAction.SetVlanPcp((byte)value),
                ActionKind.StripVlan => FlowAction.StripVlan(),
                ActionKind.SetDlSrc => FlowAction.SetDlSrc(mac),
                ActionKind.SetDlDst => FlowAction.SetDlDst(mac),
                ActionKind.SetNwSrc => FlowAction.SetNwSrc((uint)random.NextInt64()),
                ActionKind.SetNwDst => FlowAction.SetNwDst((uint)random.NextInt64()),
                ActionKind.SetNwTos => FlowAction.SetNwTos((byte)value),
                ActionKind.SetTpSrc => FlowAction.SetTpSrc(value),
                ActionKind.SetTpDst => FlowAction.SetTpDst(value),
                (ActionKind)12 => FlowAction.SetTunnel((uint)random.NextInt64()),
                (ActionKind)13 => FlowAction.SetTunnelDestination((uint)random.NextInt64()),
                _ => FlowAction.Enqueue(value, (uint)random.NextInt64()),
            };
        }
        return actions;
    }
}
