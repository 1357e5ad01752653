using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>Frames of every kind the rewriter tells apart, and random lists of field-modify actions.</summary>
internal sealed class RandomRewrites(int seed)
{
    private readonly Random _random = new(seed);

    public Random Random => _random;

    /// <summary>A frame whose checksums are right: tagged or not, with options, fragments, padding, SNAP, a second tag, odd lengths, or cut short.</summary>
    public byte[] NextFrame()
    {
        byte[] frame = NextWhole();
        switch (_random.Next(8))
        {
            case 0: // padded to the shortest Ethernet frame
                Array.Resize(ref frame, Math.Max(frame.Length, 60));
                break;
            case 1: // a trailer that is nobody's payload
                byte[] trailer = new byte[_random.Next(1, 20)];
                _random.NextBytes(trailer);
                frame = [.. frame, .. trailer];
                break;
            case 2:
                frame = frame[.._random.Next(14, frame.Length + 1)];
                break;
            case 3: // a second tag in front
                frame = [.. frame[..12], 0x81, 0, (byte)_random.Next(256), (byte)_random.Next(256), .. frame[12..]];
                break;
            case 4 when frame[12] == 8: // LLC and SNAP of OUI 0
                frame = [.. frame[..12], (byte)((frame.Length - 6) >> 8), (byte)(frame.Length - 6), 0xaa, 0xaa, 3, 0, 0, 0, .. frame[12..]];
                break;
        }
        return frame;
    }

    /// <summary>A whole TCP or UDP packet over IPv4 that is not a fragment.</summary>
    public byte[] NextSegment()
    {
        ushort? vlan = NextTag();
        int options = _random.Next(3) == 0 ? 4 * _random.Next(1, 11) : 0;
        return _random.Next(2) == 0
            ? TestPacket.Tcp(NextWord(), NextWord(), (ushort)NextWord(), (ushort)NextWord(), _random.Next(70), vlan, (byte)_random.Next(256), options)
            : TestPacket.Udp(NextWord(), NextWord(), (ushort)NextWord(), (ushort)NextWord(), _random.Next(70), vlan, (byte)_random.Next(256), options);
    }

    public FlowAction NextAction() => _random.Next(10) switch
    {
        0 => FlowAction.SetVlanVid((ushort)_random.Next(4096)),
        1 => FlowAction.SetVlanPcp((byte)_random.Next(8)),
        2 => FlowAction.StripVlan(),
        3 => FlowAction.SetDlSrc(new MacAddress((ulong)_random.NextInt64(1L << 48))),
        4 => FlowAction.SetDlDst(new MacAddress((ulong)_random.NextInt64(1L << 48))),
        5 => FlowAction.SetNwSrc(NextWord()),
        6 => FlowAction.SetNwDst(NextWord()),
        7 => FlowAction.SetNwTos((byte)(_random.Next(64) << 2)),
        8 => FlowAction.SetTpSrc((ushort)NextWord()),
        _ => FlowAction.SetTpDst((ushort)NextWord()),
    };

    public FlowAction[] NextActions()
    {
        FlowAction[] actions = new FlowAction[_random.Next(1, 9)];
        for (int i = 0; i < actions.Length; i++)
        {
            actions[i] = NextAction();
        }
        return actions;
    }

    private byte[] NextWhole()
    {
        ushort? vlan = NextTag();
        byte tos = (byte)_random.Next(256);
        int options = _random.Next(4) == 0 ? 4 * _random.Next(1, 11) : 0;
        ushort fragment = _random.Next(5) switch { 0 => 0x2000, 1 => (ushort)_random.Next(1, 0x2000), 2 => 0x4000, _ => 0 };
        int payload = _random.Next(70);
        return _random.Next(8) switch
        {
            0 or 1 => TestPacket.Tcp(NextWord(), NextWord(), (ushort)NextWord(), (ushort)NextWord(), payload, vlan, tos, options, fragment),
            2 or 3 => TestPacket.Udp(
                NextWord(), NextWord(), (ushort)NextWord(), (ushort)NextWord(), payload, vlan, tos, options, fragment, _random.Next(3) != 0),
            4 => TestPacket.Icmp((byte)_random.Next(256), 0, NextWord(), NextWord(), payload),
            5 => TestPacket.Arp((ushort)_random.Next(1, 3), NextWord(), NextWord()),
            6 => TestPacket.Ipv4(89, new byte[payload], NextWord(), NextWord(), vlan, tos, options, fragment),
            _ => TestPacket.Ethernet(_random.Next(2) == 0 ? EtherType.Ipv6 : EtherType.Lldp, new byte[payload], vlan: vlan),
        };
    }

    private ushort? NextTag() => _random.Next(3) == 0 ? (ushort)_random.Next(0x10000) : null;

    // Words of all zeros and ones are where one's complement goes wrong.
    private uint NextWord() => _random.Next(6) switch
    {
        0 => 0,
        1 => uint.MaxValue,
        2 => (uint)_random.Next(3),
        _ => (uint)_random.NextInt64(1L << 32),
    };
}
