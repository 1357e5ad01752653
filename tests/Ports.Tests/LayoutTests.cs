using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Softswitch.Ports.Specs;

namespace Softswitch.Ports.Tests;

/// <summary>Structs that the kernel, a driver or a virtual machine reads and writes.</summary>
/// <remarks>
/// Sizes and offsets are what sizeof and offsetof of a C compiler say for the headers that each row names: x86-64, linux-libc-dev 6.1
/// where no version stands.
/// The kernel takes a bpf_attr that ends early for zero, so those rows have our own size.
/// </remarks>
public sealed class LayoutTests
{
    private const string Root = "Softswitch.Ports.";
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance;

    /// <summary>Structs of the folder for system calls that stay in the process.</summary>
    private static readonly string[] s_own = ["Linux.Interfaces.LinuxInterface+State", "Linux.Memory.BusErrors+Range"];

    private static readonly Assembly s_ports = typeof(PortSpec).Assembly;

    [Theory]
    [InlineData("Linux.IoVector", 16, "Base 0, Length 8", "struct iovec, sys/uio.h")]
    [InlineData("Linux.MessageHeader", 56,
        "Name 0, NameLength 8, Vectors 16, VectorCount 24, Control 32, ControlLength 40, Flags 48",
        "struct msghdr, sys/socket.h")]
    [InlineData("Linux.TimeSpecification", 16, "Seconds 0, Nanoseconds 8", "struct timespec, time.h")]
    [InlineData("Linux.PollDescriptor", 8, "Descriptor 0, Events 4, Returned 6", "struct pollfd, poll.h")]
    [InlineData("Linux.ResourceUsage", 144,
        "UserSeconds 0, UserMicroseconds 8, SystemSeconds 16, SystemMicroseconds 24, MinorFaults 64, MajorFaults 72",
        "struct rusage, sys/resource.h")]
    [InlineData("Linux.FileSystemStatus", 120, "Type 0, BlockSize 8", "struct statfs, sys/vfs.h")]
    [InlineData("Linux.SignalAction", 152, "Handler 0, _mask 8, Flags 136", "struct sigaction, signal.h")]
    [InlineData("Linux.Interfaces.InterfaceRequest", 40,
        "Name 0, Short 16, Integer 16, Pointer 16, Address 16",
        "struct ifreq, linux/if.h")]
    [InlineData("Linux.Interfaces.RegisterRequest", 256,
        "Address 0, Value 4",
        "struct nf2reg, nf2.h of the NetFPGA driver, and room behind it")]
    [InlineData("Linux.Interfaces.EthtoolSettings", 44,
        "Command 0, Supported 4, Advertising 8, SpeedLow 12, Duplex 14, Port 15, AutoNegotiation 18, SpeedHigh 28, PeerAdvertising 32",
        "struct ethtool_cmd, linux/ethtool.h")]
    [InlineData("Linux.Interfaces.EthtoolDevice+Flags", 8, "Command 0, Value 4", "struct ethtool_value, linux/ethtool.h")]
    [InlineData("Linux.Interfaces.EthtoolDevice+DriverInformation", 196,
        "Command 0, Driver 4, Bus 100",
        "struct ethtool_drvinfo, linux/ethtool.h")]
    [InlineData("Linux.Interfaces.EthtoolDevice+Channels", 36,
        "Command 0, Receive 20, Transmit 24, Combined 32",
        "struct ethtool_channels, linux/ethtool.h")]
    [InlineData("Linux.Sockets.SlotHeader", 32,
        "Status 0, Length 4, CapturedLength 8, MacOffset 12, NetworkOffset 14, Seconds 16, Nanoseconds 20, VlanTci 24, VlanTpid 26",
        "struct tpacket2_hdr, linux/if_packet.h")]
    [InlineData("Linux.Sockets.RingRequest", 16,
        "BlockSize 0, BlockCount 4, FrameSize 8, FrameCount 12",
        "struct tpacket_req, linux/if_packet.h")]
    [InlineData("Linux.Sockets.LinkAddress", 20, "Family 0, Protocol 2, InterfaceIndex 4", "struct sockaddr_ll, linux/if_packet.h")]
    [InlineData("Linux.Sockets.PacketMembership", 16, "InterfaceIndex 0, Type 4", "struct packet_mreq, linux/if_packet.h")]
    [InlineData("Linux.Sockets.PacketSocketStatistics", 8, "Packets 0, Drops 4", "struct tpacket_stats, linux/if_packet.h")]
    [InlineData("Linux.Sockets.VirtioNetHeader", 10,
        "Flags 0, GsoType 1, HeaderLength 2, SegmentSize 4, ChecksumStart 6, ChecksumOffset 8",
        "struct virtio_net_hdr, linux/virtio_net.h")]
    [InlineData("Linux.Sockets.XdpAddress", 16,
        "Family 0, Flags 2, InterfaceIndex 4, Queue 8, SharedUmem 12",
        "struct sockaddr_xdp, linux/if_xdp.h")]
    [InlineData("Linux.Sockets.UmemRegistration", 32,
        "Address 0, Length 8, ChunkSize 16, Headroom 20, Flags 24, TransmitMetadataLength 28",
        "struct xdp_umem_reg, linux/if_xdp.h of Linux 6.8")]
    [InlineData("Linux.Sockets.XdpRingOffset", 32,
        "Producer 0, Consumer 8, Entries 16, Flags 24",
        "struct xdp_ring_offset, linux/if_xdp.h")]
    [InlineData("Linux.Sockets.XdpMapOffsets", 128,
        "Receive 0, Transmit 32, Fill 64, Completion 96",
        "struct xdp_mmap_offsets, linux/if_xdp.h")]
    [InlineData("Linux.Sockets.XdpDescriptor", 16, "Address 0, Length 8, Options 12", "struct xdp_desc, linux/if_xdp.h")]
    [InlineData("Linux.Sockets.XdpStatistics", 48,
        "ReceiveDropped 0, ReceiveInvalid 8, TransmitInvalid 16, ReceiveRingFull 24, FillRingEmpty 32, TransmitRingEmpty 40",
        "struct xdp_statistics, linux/if_xdp.h")]
    [InlineData("Linux.Ebpf.BpfInstruction", 8, "Code 0, Offset 2, Immediate 4", "struct bpf_insn, linux/bpf.h")]
    [InlineData("Linux.Ebpf.Bpf+MapCreation", 24, "Type 0, KeySize 4, ValueSize 8, MaxEntries 12, Flags 16, InnerMap 20", "union bpf_attr, linux/bpf.h")]
    [InlineData("Linux.Ebpf.Bpf+MapUpdate", 32, "Map 0, Key 8, Value 16, Flags 24", "union bpf_attr, linux/bpf.h")]
    [InlineData("Linux.Ebpf.Bpf+BatchRequest", 56,
        "Batch 0, NextBatch 8, Keys 16, Values 24, Count 32, Map 36, ElementFlags 40, Flags 48", "union bpf_attr, linux/bpf.h")]
    [InlineData("Linux.Ebpf.Bpf+ProgramLoad", 72,
        "Type 0, InstructionCount 4, Instructions 8, License 16, LogLevel 24, LogSize 28, Log 32, Flags 44, ExpectedAttachType 68",
        "union bpf_attr, linux/bpf.h")]
    [InlineData("Linux.Ebpf.Bpf+InformationRequest", 16, "Descriptor 0, Length 4, Information 8", "union bpf_attr, linux/bpf.h")]
    [InlineData("Linux.Ebpf.Bpf+LinkInformation", 32, "InterfaceIndex 16", "struct bpf_link_info, linux/bpf.h")]
    [InlineData("Linux.Ebpf.Bpf+LinkCreation", 16, "Program 0, InterfaceIndex 4, AttachType 8, Flags 12", "union bpf_attr, linux/bpf.h")]
    [InlineData("Linux.Ebpf.Bpf+TestRun", 80,
        "Program 0, Answer 4, InputSize 8, OutputSize 12, Input 16, Output 24, Repeat 32, "
        + "Duration 36, ContextInputSize 40, ContextOutputSize 44, ContextInput 48, ContextOutput 56, Flags 64, Processor 68, BatchSize 72",
        "union bpf_attr, linux/bpf.h")]
    [InlineData("AfPacket.FilterInstruction", 8, "Code 0, JumpIfTrue 2, JumpIfFalse 3, Value 4", "struct sock_filter, linux/filter.h")]
    [InlineData("AfPacket.BpfProgram", 16, "Length 0, Instructions 8", "struct sock_fprog, linux/filter.h")]
    [InlineData("VhostUser.RingDescriptor", 16, "Address 0, Length 8, Flags 12, Next 14", "struct vring_desc, linux/virtio_ring.h")]
    [InlineData("VhostUser.RingStateMessage", 8, "Index 0, Number 4", "struct vhost_vring_state, linux/vhost_types.h")]
    [InlineData("VhostUser.RingAddressMessage", 40,
        "Index 0, Flags 4, Descriptors 8, Used 16, Available 24, Log 32",
        "struct vhost_vring_addr, linux/vhost_types.h")]
    [InlineData("VhostUser.VhostUserHeader", 12, "Request 0, Flags 4, Size 8", "docs/interop/vhost-user.rst of QEMU, Header")]
    [InlineData("VhostUser.RegionMessage", 32,
        "GuestAddress 0, Size 8, UserAddress 16, MmapOffset 24",
        "docs/interop/vhost-user.rst of QEMU, Memory region description")]
    [InlineData("VhostUser.LogMessage", 16, "Size 0, Offset 8", "docs/interop/vhost-user.rst of QEMU, Log description")]
    public void Fields_are_where_the_other_side_has_them(string name, int size, string fields, string source)
    {
        Type type = s_ports.GetType(Root + name, throwOnError: true)!;
        int own = RuntimeHelpers.SizeOf(type.TypeHandle);
        Assert.True(size == own, $"{source}: {size} bytes, not {own}");
        Assert.Equal(size, Marshal.SizeOf(type)); // what offsets are told by
        foreach (string field in fields.Split(", "))
        {
            string member = field.Split(' ')[0];
            string stored = type.GetField(member, Declared) != null ? member : $"<{member}>k__BackingField";
            Assert.True(field == $"{member} {Marshal.OffsetOf(type, stored)}", $"{source}: {field}, not {Marshal.OffsetOf(type, stored)}");
        }
    }

    [Fact]
    public void Every_struct_that_system_calls_fill_has_a_row()
    {
        IEnumerable<string> rows = typeof(LayoutTests).GetMethod(nameof(Fields_are_where_the_other_side_has_them))!
            .GetCustomAttributesData().Where(data => data.AttributeType == typeof(InlineDataAttribute))
            .Select(data => (string)((IReadOnlyList<CustomAttributeTypedArgument>)data.ConstructorArguments[0].Value!)[0].Value!);
        IEnumerable<string> structs = s_ports.GetTypes()
            .Where(type => type is { IsValueType: true, IsEnum: false, IsByRefLike: false }
                && type.FullName!.StartsWith(Root + "Linux.", StringComparison.Ordinal) && !type.FullName.Contains('<', StringComparison.Ordinal)
                && type.GetCustomAttribute<IsReadOnlyAttribute>() == null)
            .Select(type => type.FullName![Root.Length..]);
        Assert.Empty(structs.Except(rows).Except(s_own));
    }
}
