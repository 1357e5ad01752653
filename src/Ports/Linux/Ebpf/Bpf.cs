using System.Runtime.InteropServices;

namespace Softswitch.Ports.Linux.Ebpf;

/// <summary>The part of bpf(2) that AF_XDP needs: a map of sockets, a program, a link that ties it to an interface (linux/bpf.h).</summary>
/// <remarks>Each call returns a descriptor, or is negative with <see cref="Errno.Last"/> saying why. Everything ends with its descriptor.</remarks>
internal static unsafe partial class Bpf
{
    private const int BPF_MAP_CREATE = 0;
    private const int BPF_MAP_UPDATE_ELEM = 2;
    private const int BPF_PROG_LOAD = 5;
    private const int BPF_OBJ_GET_INFO_BY_FD = 15;
    private const int BPF_LINK_CREATE = 28;
    private const int BPF_LINK_DETACH = 34;

    private const uint BPF_MAP_TYPE_XSKMAP = 17;
    private const uint BPF_PROG_TYPE_XDP = 6;
    private const uint BPF_XDP = 37; // enum bpf_attach_type
    private const uint BPF_F_XDP_HAS_FRAGS = 1 << 5;

    // __NR_bpf
    private static readonly nint Number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 280 : 321;

    /// <summary>A map from a queue of the interface to the socket that serves it.</summary>
    public static int CreateSocketMap(uint queues)
    {
        var request = new MapCreation { Type = BPF_MAP_TYPE_XSKMAP, KeySize = sizeof(uint), ValueSize = sizeof(uint), MaxEntries = queues };
        return Call(BPF_MAP_CREATE, &request, sizeof(MapCreation));
    }

    public static int SetSocket(int map, uint queue, int socket)
    {
        var request = new MapUpdate { Map = map, Key = (ulong)&queue, Value = (ulong)&socket };
        return Call(BPF_MAP_UPDATE_ELEM, &request, sizeof(MapUpdate));
    }

    /// <param name="takesFragments">Whether it may be given packets of several buffers, which is refused before Linux 5.18.</param>
    public static int LoadXdp(ReadOnlySpan<BpfInstruction> program, bool takesFragments) =>
        Load(BPF_PROG_TYPE_XDP, BPF_XDP, program, log: default, takesFragments ? BPF_F_XDP_HAS_FRAGS : 0);

    /// <param name="flags">XDP_FLAGS_DRV_MODE or XDP_FLAGS_SKB_MODE.</param>
    public static int LinkXdp(int program, int interfaceIndex, uint flags)
    {
        var request = new LinkCreation { Program = program, InterfaceIndex = interfaceIndex, AttachType = BPF_XDP, Flags = flags };
        return Call(BPF_LINK_CREATE, &request, sizeof(LinkCreation));
    }

    /// <summary>Takes the program off the interface now, whoever else may still have the descriptor.</summary>
    public static int DetachLink(int link) => Call(BPF_LINK_DETACH, &link, sizeof(int));

    /// <summary>The index of the interface that an XDP link is on, in whichever network namespace that is by now; 0 when it is deleted.</summary>
    public static int FindInterface(int link)
    {
        LinkInformation information = default;
        var request = new InformationRequest { Descriptor = link, Length = (uint)sizeof(LinkInformation), Information = (ulong)&information };
        return Call(BPF_OBJ_GET_INFO_BY_FD, &request, sizeof(InformationRequest)) < 0 ? 0 : information.InterfaceIndex;
    }

    private static int Call(int command, void* attributes, int size) => (int)Libc.syscall(Number, command, attributes, size);

    // The members of union bpf_attr, up to the last field used; the kernel takes what is missing for zero.
    private struct MapCreation
    {
        public uint Type;
        public uint KeySize;
        public uint ValueSize;
        public uint MaxEntries;
        public uint Flags;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 8)]
    private struct MapUpdate
    {
        public int Map;
        public ulong Key;
        public ulong Value;
        public ulong Flags;
    }

    [StructLayout(LayoutKind.Explicit, Size = 72)]
    private struct ProgramLoad
    {
        [FieldOffset(0)]
        public uint Type;

        [FieldOffset(4)]
        public uint InstructionCount;

        [FieldOffset(8)]
        public ulong Instructions;

        [FieldOffset(16)]
        public ulong License;

        [FieldOffset(24)]
        public uint LogLevel;

        [FieldOffset(28)]
        public uint LogSize;

        [FieldOffset(32)]
        public ulong Log;

        [FieldOffset(44)]
        public uint Flags;

        [FieldOffset(68)]
        public uint ExpectedAttachType;
    }

    [StructLayout(LayoutKind.Explicit, Size = 16)]
    private struct InformationRequest
    {
        [FieldOffset(0)]
        public int Descriptor;

        [FieldOffset(4)]
        public uint Length;

        [FieldOffset(8)]
        public ulong Information;
    }

    /// <summary>struct bpf_link_info of an XDP link.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 32)]
    private struct LinkInformation
    {
        [FieldOffset(16)]
        public int InterfaceIndex;
    }

    private struct LinkCreation
    {
        public int Program;
        public int InterfaceIndex;
        public uint AttachType;
        public uint Flags;
    }
}

/// <summary>struct bpf_insn: opcode, destination in the lower and source in the upper four bits, offset, immediate.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal readonly record struct BpfInstruction(byte Code, byte Registers, short Offset, int Immediate);
