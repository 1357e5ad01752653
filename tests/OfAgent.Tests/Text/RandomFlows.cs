using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Text;

namespace Softswitch.OfAgent.Tests.Text;

/// <summary>Random flows in which every field has its prerequisite, so that no reader has a reason to change them.</summary>
internal sealed class RandomFlows(int seed)
{
    private readonly Random _random = new(seed);

    public ParsedFlow Next() => new()
    {
        Match = Match(),
        Cookie = Chance() ? (ulong)_random.NextInt64() : 0,
        IdleTimeoutSeconds = Chance() ? UInt16() : (ushort)0,
        HardTimeoutSeconds = Chance() ? UInt16() : (ushort)0,
        Priority = Chance() ? UInt16() : ParsedFlow.DefaultPriority,
        Flags = (FlowModFlags)_random.Next(4),
        Actions = Actions(),
    };

    public FlowMatch Match()
    {
        FlowMatch match = FlowMatch.Any;
        match.SetNwWildBits(32, 32);
        Set(ref match, FlowWildcards.InPort, ref match.InPort, Port());
        Set(ref match, FlowWildcards.DlSrc, ref match.DlSrc, Mac());
        Set(ref match, FlowWildcards.DlDst, ref match.DlDst, Mac());
        if (Chance())
        {
            Set(ref match, FlowWildcards.DlVlan, ref match.DlVlan, (ushort)_random.Next(4096));
            Set(ref match, FlowWildcards.DlVlanPcp, ref match.DlVlanPcp, (byte)_random.Next(8));
        }
        else
        {
            Set(ref match, FlowWildcards.DlVlan, ref match.DlVlan, FlowMatch.VlanNone);
            match.Wildcards &= match.Wildcards.HasFlag(FlowWildcards.DlVlan) ? FlowWildcards.All : ~FlowWildcards.DlVlanPcp;
        }
        Set(ref match, FlowWildcards.DlType, ref match.DlType,
            Pick<ushort>(EtherType.Ipv4, EtherType.Ipv4, EtherType.Ipv4, EtherType.Arp, EtherType.Rarp, EtherType.Lldp, EtherType.NotEthernetII, 0x1234));
        if (!match.Wildcards.HasFlag(FlowWildcards.DlType))
        {
            SetUpperLayers(ref match);
        }
        return match;
    }

    public FlowAction[] Actions()
    {
        FlowAction[] actions = new FlowAction[_random.Next(5)];
        for (int i = 0; i < actions.Length; i++)
        {
            actions[i] = Action();
        }
        return actions;
    }

    private void SetUpperLayers(ref FlowMatch match)
    {
        if (match.DlType is not (EtherType.Ipv4 or EtherType.Arp or EtherType.Rarp))
        {
            return;
        }
        int source = _random.Next(33);
        int destination = _random.Next(33);
        match.SetNwWildBits(source, destination);
        match.NwSrc = source == 32 ? 0 : (uint)_random.NextInt64() & (uint.MaxValue << source);
        match.NwDst = destination == 32 ? 0 : (uint)_random.NextInt64() & (uint.MaxValue << destination);
        Set(ref match, FlowWildcards.NwProto, ref match.NwProto, Pick<byte>(1, 6, 17, 6, 17, 47, 2));
        if (match.DlType != EtherType.Ipv4)
        {
            return;
        }
        Set(ref match, FlowWildcards.NwTos, ref match.NwTos, (byte)(_random.Next(64) << 2));
        if (!match.Wildcards.HasFlag(FlowWildcards.NwProto) && match.NwProto is 1 or 6 or 17)
        {
            int limit = match.NwProto == 1 ? 256 : 65536;
            Set(ref match, FlowWildcards.TpSrc, ref match.TpSrc, (ushort)_random.Next(limit));
            Set(ref match, FlowWildcards.TpDst, ref match.TpDst, (ushort)_random.Next(limit));
        }
    }

    private FlowAction Action() => (ActionKind)_random.Next(14) switch
    {
        ActionKind.Output when Chance() => FlowAction.Output(PortNumber.Controller, UInt16()),
        ActionKind.Output => FlowAction.Output(Port()),
        ActionKind.SetVlanVid => FlowAction.SetVlanVid((ushort)_random.Next(4096)),
        ActionKind.SetVlanPcp => FlowAction.SetVlanPcp((byte)_random.Next(8)),
        ActionKind.StripVlan => FlowAction.StripVlan(),
        ActionKind.SetDlSrc => FlowAction.SetDlSrc(Mac()),
        ActionKind.SetDlDst => FlowAction.SetDlDst(Mac()),
        ActionKind.SetNwSrc => FlowAction.SetNwSrc((uint)_random.NextInt64()),
        ActionKind.SetNwDst => FlowAction.SetNwDst((uint)_random.NextInt64()),
        ActionKind.SetNwTos => FlowAction.SetNwTos((byte)(_random.Next(64) << 2)),
        ActionKind.SetTpSrc => FlowAction.SetTpSrc(UInt16()),
        ActionKind.SetTpDst => FlowAction.SetTpDst(UInt16()),
        (ActionKind)12 => FlowAction.SetTunnel((uint)_random.NextInt64()),
        (ActionKind)13 => FlowAction.SetTunnelDestination((uint)_random.NextInt64()),
        _ => FlowAction.Enqueue((ushort)_random.Next(1, 1000), (uint)_random.NextInt64()),
    };

    private void Set<T>(ref FlowMatch match, FlowWildcards bit, ref T field, T value)
    {
        if (Chance())
        {
            match.Wildcards &= ~bit;
            field = value;
        }
    }

    private bool Chance() => _random.Next(2) == 0;

    private ushort UInt16() => (ushort)_random.Next(65536);

    private ushort Port() => Chance() ? (ushort)_random.Next(1, PortNumber.Max) : Pick(PortNumber.Local, PortNumber.InPort, (ushort)1);

    private MacAddress Mac() => new((ulong)_random.NextInt64());

    private T Pick<T>(params ReadOnlySpan<T> values) => values[_random.Next(values.Length)];
}
