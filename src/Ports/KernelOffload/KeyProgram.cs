using Softswitch.Datapath.Headers;
using Softswitch.Ports.Linux.Ebpf;
using static Softswitch.Ports.KernelOffload.OffloadProgram;
using static Softswitch.Ports.Linux.Ebpf.BpfCondition;
using static Softswitch.Ports.Linux.Ebpf.BpfOperation;
using static Softswitch.Ports.Linux.Ebpf.BpfRegister;
using static Softswitch.Ports.Linux.Ebpf.BpfWidth;

namespace Softswitch.Ports.KernelOffload;

/// <summary>The part of the program that makes the flow key, as <see cref="Datapath.Flows.FlowKeyParser"/> does.</summary>
/// <remarks>
/// <para>
/// What that treats with special care goes to the software: packets of less than 42 bytes, 802.3 lengths, two tags and tags of 802.1ad, IPv4 with options
/// or cut short, fragments, TCP, UDP and ICMP without a whole header, ARP of other networks.
/// </para>
/// <para>
/// The packet's first bytes are loaded to where the key will be. Its first 14 are the key's; the others move down, the lower ones first, so that
/// none is overwritten before it is read. The tag is never among them: the kernel keeps it apart.
/// </para>
/// </remarks>
internal sealed class KeyProgram(BpfAssembler code, BpfLabel punt)
{
    private const int Loaded = 42; // to the end of ARP, of UDP's header and of TCP's ports

    // In a packet, whose tag is apart: where IPv4 and what it carries begin.
    internal const int Network = 14;
    internal const int Transport = Network + 20;

    // Offsets in the key, from DlType on.
    internal const int DlType = 12;
    internal const int NwProto = 19;
    private const int Vlan = 14;
    private const int InPort = 16;
    private const int NwTos = 18;
    private const int NwSrc = 20;
    private const int NwDst = 24;
    private const int TpSrc = 28;

    // What has been read and is stored last, over bytes that are read before.
    private const BpfRegister Tag = R5;
    private const BpfRegister Tos = R3;
    private const BpfRegister Protocol = R4;

    private readonly BpfLabel _finish = code.NewLabel();

    public void Write()
    {
        BpfLabel other = code.NewLabel();
        BpfLabel notIpv4 = code.NewLabel();
        Load();
        code.Load(Bytes2, R2, R10, Key + DlType);
        code.JumpIf(R2, NotEqual, Swapped(EtherType.Ipv4), notIpv4);
        ReadIpv4();
        code.Mark(notIpv4);
        code.JumpIf(R2, NotEqual, Swapped(EtherType.Arp), other);
        ReadArp();
        code.Mark(other);
        code.JumpIf(R2, Equal, Swapped(EtherType.Vlan), punt);
        code.JumpIf(R2, Equal, Swapped(EtherType.ServiceVlan), punt); // the kernel lifts it when the outer one is stripped
        code.ToNetworkOrder16(R2);
        code.JumpIf(R2, Less, EtherType.FirstType, punt);
        code.Move(R1, 0);
        code.Store(Bytes4, R10, Key + NwSrc, R1);
        code.Store(Bytes4, R10, Key + NwDst, R1);
        code.Store(Bytes4, R10, Key + TpSrc, R1);
        code.Move(Tos, 0);
        code.Move(Protocol, 0);
        code.Mark(_finish);
        code.Store(Bytes2, R10, Key + Vlan, Tag);
        code.Load(Bytes4, R1, R7, PortLine.NumberOffset);
        code.Store(Bytes2, R10, Key + InPort, R1);
        code.Store(Bytes1, R10, Key + NwTos, Tos);
        code.Store(Bytes1, R10, Key + NwProto, Protocol);
    }

    /// <summary>Loads the packet's first bytes, and reads length and tag.</summary>
    private void Load()
    {
        BpfLabel untagged = code.NewLabel();
        code.Load(Bytes4, R9, R6, Length);
        code.JumpIf(R9, Less, Loaded, punt);
        code.Move(R1, R6);
        code.Move(R2, 0);
        code.LoadStackAddress(R3, Key);
        code.Move(R4, Loaded);
        code.Call(BpfFunction.BPF_FUNC_skb_load_bytes);
        code.JumpIf(R0, NotEqual, 0, punt);
        code.Move(Tag, 0);
        code.Load(Bytes4, R1, R6, VlanPresent);
        code.JumpIf(R1, Equal, 0, untagged);
        code.Load(Bytes4, R1, R6, VlanProtocol);
        code.JumpIf(R1, NotEqual, Swapped(EtherType.Vlan), punt);
        code.Do(Add, R9, 4);
        code.Load(Bytes4, Tag, R6, VlanTci);
        code.Do(And, Tag, 0xefff); // without DEI
        code.Do(Or, Tag, Datapath.Flows.FlowKey.VlanPresent);
        code.ToNetworkOrder16(Tag);
        code.Mark(untagged);
        code.Store(Bytes8, R10, FrameLength, R9);
    }

    private void ReadIpv4()
    {
        BpfLabel other = code.NewLabel();
        BpfLabel icmp = code.NewLabel();
        BpfLabel ports = code.NewLabel();
        code.Load(Bytes1, R1, R10, Key + Network);
        code.JumpIf(R1, NotEqual, 0x45, punt);
        code.Load(Bytes1, Tos, R10, Key + Network + 1);
        code.Do(And, Tos, 0xfc);
        code.Load(Bytes2, R1, R10, Key + Network + 6);
        code.Do(And, R1, Swapped(0x3fff));
        code.JumpIf(R1, NotEqual, 0, punt); // a fragment
        code.Load(Bytes1, Protocol, R10, Key + Network + 9);
        code.Load(Bytes2, R0, R10, Key + Network + 2);
        code.ToNetworkOrder16(R0);
        code.Load(Bytes4, R1, R6, Length);
        code.Do(Subtract, R1, Network);
        code.JumpIf(R0, Greater, R1, punt);
        code.JumpIf(R0, Less, Transport - Network, punt);
        code.Do(Subtract, R0, Transport - Network);
        for (int i = 0; i < 8; i += 2)
        {
            Copy(Network + 12 + i, NwSrc + i);
        }
        code.JumpIf(Protocol, Equal, IpProtocol.Icmp, icmp);
        code.Move(R1, 20);
        code.JumpIf(Protocol, Equal, IpProtocol.Tcp, ports);
        code.Move(R1, 8);
        code.JumpIf(Protocol, NotEqual, IpProtocol.Udp, other);
        code.Mark(ports);
        code.JumpIf(R0, Less, R1, punt);
        Copy(Transport, TpSrc);
        Copy(Transport + 2, TpSrc + 2);
        code.Jump(_finish);

        code.Mark(icmp); // type and code as 16 bits each
        code.JumpIf(R0, Less, 4, punt);
        code.Load(Bytes1, R1, R10, Key + Transport);
        code.Load(Bytes1, R2, R10, Key + Transport + 1);
        code.Do(ShiftLeft, R1, 8);
        code.Do(ShiftLeft, R2, 24);
        code.Do(Or, R1, R2);
        code.Store(Bytes4, R10, Key + TpSrc, R1);
        code.Jump(_finish);

        code.Mark(other);
        code.Move(R1, 0);
        code.Store(Bytes4, R10, Key + TpSrc, R1);
        code.Jump(_finish);
    }

    private void ReadArp()
    {
        code.Load(Bytes2, R1, R10, Key + Network);
        code.JumpIf(R1, NotEqual, Swapped(1), punt);
        code.Load(Bytes2, R1, R10, Key + Network + 2);
        code.JumpIf(R1, NotEqual, Swapped(EtherType.Ipv4), punt);
        code.Load(Bytes2, R1, R10, Key + Network + 4);
        code.JumpIf(R1, NotEqual, Swapped(0x0604), punt);
        code.Load(Bytes1, Protocol, R10, Key + Network + 7);
        code.Move(Tos, 0);
        Copy(Network + 14, NwSrc);
        Copy(Network + 16, NwSrc + 2);
        Copy(Network + 24, NwDst);
        Copy(Network + 26, NwDst + 2);
        code.Move(R1, 0);
        code.Store(Bytes4, R10, Key + TpSrc, R1);
        code.Jump(_finish);
    }

    private void Copy(int from, int to)
    {
        code.Load(Bytes2, R1, R10, Key + from);
        code.Store(Bytes2, R10, Key + to, R1);
    }

    /// <summary>Two bytes of a packet as the processor loads them.</summary>
    internal static int Swapped(ushort value) => new Be16(value).Host;
}
