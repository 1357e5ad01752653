using Softswitch.Datapath.Headers;
using Softswitch.Ports.Linux.Ebpf;
using static Softswitch.Ports.KernelOffload.KeyProgram;
using static Softswitch.Ports.KernelOffload.OffloadProgram;
using static Softswitch.Ports.Linux.Ebpf.BpfCondition;
using static Softswitch.Ports.Linux.Ebpf.BpfOperation;
using static Softswitch.Ports.Linux.Ebpf.BpfRegister;
using static Softswitch.Ports.Linux.Ebpf.BpfWidth;

namespace Softswitch.Ports.KernelOffload;

/// <summary>The part of the program that changes headers, checksums kept right.</summary>
/// <remarks>
/// <para>
/// The action's kind is in R1, its value in R7. The kernel's helpers keep checksums right whether they are whole, partial or those of a
/// segment (filter.c, bpf_l4_csum_replace). They come before the store, and both by offset: a pointer into the packet would end with every helper. The packet
/// begins with its Ethernet header, without its tag.
/// </para>
/// <para>
/// A partial checksum may be that of a packet inside of a tunnel, whose outer UDP checksum is whole, and the helper cannot tell. The program
/// can: the field of a partial one holds the pseudo-header's sum. For a whole one it computes the new value by itself (RFC 1624).
/// </para>
/// </remarks>
/// <param name="next">Where the next action begins.</param>
/// <param name="failed">Where the packet ends for want of memory.</param>
internal sealed class RewriteProgram(BpfAssembler code, BpfLabel next, BpfLabel failed)
{
    private const int BPF_F_RECOMPUTE_CSUM = 0x01;
    private const int BPF_F_PSEUDO_HDR = 0x10;
    private const int BPF_F_MARK_MANGLED_0 = 0x20;

    private const int NetworkChecksum = Network + 10;
    private const int TcpChecksum = Transport + 16;
    private const int UdpChecksum = Transport + 6;
    private const int Tos = Network; // two bytes, the first of which is version and length

    // 16 bytes of headers on the stack, from the source address on; of UDP they end with the checksum.
    private const int Headers = -200;
    private const int HeadersInPacket = Network + 12;
    private const int HeaderBytes = 16;
    private const int UdpLengthInHeaders = 12;
    private const int UdpChecksumInHeaders = 14;

    // What the rewrite that is under way changes: the field's old value, and its place in the packet.
    private const int Old = -208;
    private const int Place = -216;

    private readonly BpfLabel _setAddress = code.NewLabel();
    private readonly BpfLabel _setPort = code.NewLabel();

    /// <summary>What is written next follows if the action is none of these.</summary>
    public void Write()
    {
        SetMac(OffloadAction.SetDlDst, 0);
        SetMac(OffloadAction.SetDlSrc, MacAddress.Size);
        SetTag(OffloadAction.SetVlanVid, 0xf000);
        SetTag(OffloadAction.SetVlanPcp, 0x1fff);
        StripTag();
        Begin(OffloadAction.SetNwSrc, Bytes4, HeadersInPacket, _setAddress);
        Begin(OffloadAction.SetNwDst, Bytes4, HeadersInPacket + 4, _setAddress);
        SetTos();
        Begin(OffloadAction.SetTpSrc, Bytes2, Transport, _setPort);
        Begin(OffloadAction.SetTpDst, Bytes2, Transport + 2, _setPort);
    }

    /// <summary>What addresses and ports have in common; nothing leads to what is written next.</summary>
    public void WriteRest()
    {
        SetAddress();
        SetPort();
    }

    private void SetMac(OffloadAction kind, int offset)
    {
        BpfLabel other = Unless(kind);
        code.Store(Bytes8, R10, Scratch, R7);
        code.Move(R2, offset);
        StoreBytes(MacAddress.Size, flags: 0);
        code.Jump(next);
        code.Mark(other);
    }

    /// <summary>Sets part of the tag; there is one afterwards.</summary>
    /// <param name="kept">The bits of a tag that stay.</param>
    private void SetTag(OffloadAction kind, int kept)
    {
        BpfLabel other = Unless(kind);
        BpfLabel untagged = code.NewLabel();
        code.Load(Bytes4, R1, R6, VlanPresent);
        code.JumpIf(R1, Equal, 0, untagged);
        code.Load(Bytes4, R1, R6, VlanTci);
        code.Do(And, R1, kept);
        code.Do(Or, R7, R1);
        code.Move(R1, R6);
        code.Call(BpfFunction.BPF_FUNC_skb_vlan_pop);
        code.JumpIf(R0, NotEqual, 0, failed);
        code.Mark(untagged);
        code.Move(R1, R6);
        code.Move(R2, Swapped(EtherType.Vlan));
        code.Move(R3, R7);
        code.Call(BpfFunction.BPF_FUNC_skb_vlan_push);
        code.JumpIf(R0, NotEqual, 0, failed);
        code.Jump(next);
        code.Mark(other);
    }

    private void StripTag()
    {
        BpfLabel other = Unless(OffloadAction.StripVlan);
        code.Load(Bytes4, R1, R6, VlanPresent);
        code.JumpIf(R1, Equal, 0, next);
        code.Move(R1, R6);
        code.Call(BpfFunction.BPF_FUNC_skb_vlan_pop);
        code.JumpIf(R0, NotEqual, 0, failed);
        code.Jump(next);
        code.Mark(other);
    }

    /// <summary>Begins to change a field behind the network header's start, with a label's code for the rest.</summary>
    /// <param name="place">In the packet.</param>
    private void Begin(OffloadAction kind, BpfWidth width, int place, BpfLabel rest)
    {
        BpfLabel other = Unless(kind);
        UnlessIpv4();
        code.Move(R1, R6);
        code.Move(R2, HeadersInPacket);
        code.LoadStackAddress(R3, Headers);
        code.Move(R4, HeaderBytes);
        code.Call(BpfFunction.BPF_FUNC_skb_load_bytes);
        code.JumpIf(R0, NotEqual, 0, failed);
        code.Load(width, R1, R10, Headers + place - HeadersInPacket);
        code.Store(Bytes8, R10, Old, R1);
        code.Move(R1, place);
        code.Store(Bytes8, R10, Place, R1);
        code.Jump(rest);
        code.Mark(other);
    }

    private void SetAddress()
    {
        BpfLabel notTcp = code.NewLabel();
        BpfLabel partial = code.NewLabel();
        BpfLabel store = code.NewLabel();
        code.Mark(_setAddress);
        ReplaceNetworkChecksum(4);
        code.Load(Bytes1, R1, R10, Key + NwProto);
        code.JumpIf(R1, NotEqual, IpProtocol.Tcp, notTcp);
        ReplaceTransportChecksum(TcpChecksum, BPF_F_PSEUDO_HDR | 4);
        code.Jump(store);
        code.Mark(notTcp);
        code.JumpIf(R1, NotEqual, IpProtocol.Udp, store);
        LookAtUdpChecksum(none: store, partial);
        StoreUdpChecksum(BPF_F_RECOMPUTE_CSUM); // that of the address is made good by the network header's
        code.Jump(store);
        code.Mark(partial);
        ReplaceTransportChecksum(UdpChecksum, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | 4);
        code.Mark(store);
        StoreField(4);
        code.Jump(next);
    }

    private void SetPort()
    {
        BpfLabel notTcp = code.NewLabel();
        BpfLabel store = code.NewLabel();
        code.Mark(_setPort);
        code.Load(Bytes1, R1, R10, Key + NwProto);
        code.JumpIf(R1, NotEqual, IpProtocol.Tcp, notTcp);
        ReplaceTransportChecksum(TcpChecksum, 2);
        code.Jump(store);
        code.Mark(notTcp);
        code.JumpIf(R1, NotEqual, IpProtocol.Udp, next);
        LookAtUdpChecksum(none: store, partial: store); // ports are summed at the end
        StoreUdpChecksum(0); // it makes the port's change good
        code.Mark(store);
        StoreField(2);
        code.Jump(next);
    }

    /// <summary>The low two bits stay: they are ECN's.</summary>
    private void SetTos()
    {
        BpfLabel other = Unless(OffloadAction.SetNwTos);
        UnlessIpv4();
        code.Move(R1, R6);
        code.Move(R2, Tos);
        code.LoadStackAddress(R3, Scratch);
        code.Move(R4, 2);
        code.Call(BpfFunction.BPF_FUNC_skb_load_bytes);
        code.JumpIf(R0, NotEqual, 0, failed);
        code.Load(Bytes2, R1, R10, Scratch);
        code.Store(Bytes8, R10, Old, R1);
        code.Load(Bytes1, R1, R10, Scratch + 1);
        code.Do(And, R1, 3);
        code.Do(Or, R7, R1);
        code.Do(ShiftLeft, R7, 8); // behind the byte of version and length
        code.Do(Or, R7, 0x45);
        ReplaceNetworkChecksum(2);
        code.Move(R1, Tos);
        code.Store(Bytes8, R10, Place, R1);
        StoreField(2);
        code.Jump(next);
        code.Mark(other);
    }

    /// <summary>Goes on if UDP's checksum is whole; R2 is its field.</summary>
    /// <param name="none">Where it goes without a checksum.</param>
    /// <param name="partial">Where it goes if the field holds the pseudo-header's sum.</param>
    private void LookAtUdpChecksum(BpfLabel none, BpfLabel partial)
    {
        code.Load(Bytes2, R2, R10, Headers + UdpChecksumInHeaders);
        code.JumpIf(R2, Equal, 0, none);
        code.Load(Bytes2, R1, R10, Headers + UdpLengthInHeaders);
        code.Do(Add, R1, Swapped(IpProtocol.Udp));
        for (int word = 0; word < 8; word += 2)
        {
            code.Load(Bytes2, R3, R10, Headers + word);
            code.Do(Add, R1, R3);
        }
        Fold();
        code.JumpIf(R1, Equal, R2, partial);
    }

    /// <summary>RFC 1624, equation 3: HC' = ~(~HC + ~m + m'). HC is R2.</summary>
    private void StoreUdpChecksum(int flags)
    {
        BpfLabel some = code.NewLabel();
        code.Move(R1, R2);
        code.Do(Xor, R1, 0xffff);
        code.Load(Bytes8, R3, R10, Old);
        code.Do(Xor, R3, -1);
        AddHalves();
        code.Move(R3, R7);
        AddHalves();
        Fold();
        code.Do(Xor, R1, 0xffff);
        code.JumpIf(R1, NotEqual, 0, some);
        code.Move(R1, 0xffff);
        code.Mark(some);
        code.Store(Bytes2, R10, Scratch, R1);
        code.Move(R2, UdpChecksum);
        StoreBytes(2, flags);
    }

    /// <summary>Adds the lower two 16-bit words of R3 to R1; R3 and R4 are destroyed.</summary>
    private void AddHalves()
    {
        code.Move(R4, R3);
        code.Do(And, R4, 0xffff);
        code.Do(Add, R1, R4);
        code.Do(ShiftRight, R3, 16);
        code.Do(And, R3, 0xffff);
        code.Do(Add, R1, R3);
    }

    /// <summary>R1 becomes its ones' complement sum in 16 bits; R3 is destroyed.</summary>
    private void Fold()
    {
        for (int i = 0; i < 2; i++)
        {
            code.Move(R3, R1);
            code.Do(ShiftRight, R3, 16);
            code.Do(And, R1, 0xffff);
            code.Do(Add, R1, R3);
        }
    }

    /// <summary>A jump to the label that is returned, unless the action in R1 is of this kind.</summary>
    private BpfLabel Unless(OffloadAction kind)
    {
        BpfLabel other = code.NewLabel();
        code.JumpIf(R1, NotEqual, (int)kind, other);
        return other;
    }

    /// <summary>§3.3: a field that the packet does not have is left alone.</summary>
    private void UnlessIpv4()
    {
        code.Load(Bytes2, R1, R10, Key + DlType);
        code.JumpIf(R1, NotEqual, Swapped(EtherType.Ipv4), next);
    }

    /// <summary>The new value is R7's, the old one on the stack.</summary>
    private void ReplaceNetworkChecksum(int size) => ReplaceChecksum(BpfFunction.BPF_FUNC_l3_csum_replace, NetworkChecksum, size);

    private void ReplaceTransportChecksum(int checksum, int flags) => ReplaceChecksum(BpfFunction.BPF_FUNC_l4_csum_replace, checksum, flags);

    private void ReplaceChecksum(BpfFunction function, int checksum, int flags)
    {
        code.Move(R1, R6);
        code.Move(R2, checksum);
        code.Load(Bytes8, R3, R10, Old);
        code.Move(R4, R7);
        code.Move(R5, flags);
        code.Call(function);
        code.JumpIf(R0, NotEqual, 0, failed);
    }

    /// <summary>Stores the value in R7 into the field of the rewrite that is under way.</summary>
    private void StoreField(int bytes)
    {
        code.Store(Bytes8, R10, Scratch, R7);
        code.Load(Bytes8, R2, R10, Place);
        StoreBytes(bytes, flags: 0);
    }

    /// <summary>Stores bytes of the scratch into the packet at the offset in R2.</summary>
    private void StoreBytes(int bytes, int flags)
    {
        code.Move(R1, R6);
        code.LoadStackAddress(R3, Scratch);
        code.Move(R4, bytes);
        code.Move(R5, flags);
        code.Call(BpfFunction.BPF_FUNC_skb_store_bytes);
        code.JumpIf(R0, NotEqual, 0, failed);
    }
}
