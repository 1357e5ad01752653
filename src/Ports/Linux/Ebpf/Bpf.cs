using System.Runtime.InteropServices;

namespace Softswitch.Ports.Linux.Ebpf;

/// <summary>
/// The parts of bpf(2) that are needed (linux/bpf.h). For AF_XDP: a map of sockets, a program, a link that ties it to an interface. And
/// programs that are run on demand, or on what an interface receives, with memory that is shared with them.
/// </summary>
/// <remarks>Each call returns a descriptor, or is negative with <see cref="Errno.Last"/> saying why. Everything ends with its descriptor.</remarks>
internal static unsafe class Bpf
{
    private const int BPF_MAP_CREATE = 0;
    private const int BPF_MAP_UPDATE_ELEM = 2;
    private const int BPF_MAP_DELETE_ELEM = 3;
    private const int BPF_PROG_LOAD = 5;
    private const int BPF_PROG_TEST_RUN = 10;
    private const int BPF_OBJ_GET_INFO_BY_FD = 15;
    private const int BPF_MAP_LOOKUP_BATCH = 24;
    private const int BPF_MAP_UPDATE_BATCH = 26;
    private const int BPF_LINK_CREATE = 28;
    private const int BPF_LINK_DETACH = 34;

    private const uint BPF_MAP_TYPE_HASH = 1;
    private const uint BPF_MAP_TYPE_ARRAY = 2;
    private const uint BPF_MAP_TYPE_ARRAY_OF_MAPS = 12;
    private const uint BPF_MAP_TYPE_XSKMAP = 17;
    private const uint BPF_PROG_TYPE_SCHED_CLS = 3;
    private const uint BPF_PROG_TYPE_XDP = 6;
    private const uint BPF_XDP = 37; // enum bpf_attach_type
    private const uint BPF_TCX_INGRESS = 46;
    private const uint BPF_ANY = 0;
    private const uint BPF_NOEXIST = 1;
    private const uint BPF_F_NO_PREALLOC = 1 << 0;
    private const uint BPF_F_TEST_XDP_LIVE_FRAMES = 1 << 1;
    private const uint BPF_F_XDP_HAS_FRAGS = 1 << 5;
    private const uint BPF_F_MMAPABLE = 1 << 10;

    // __NR_bpf
    private static readonly nint Number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 280 : 321;

    /// <summary>A map from a queue of the interface to the socket that serves it.</summary>
    public static int CreateSocketMap(uint queues)
    {
        var request = new MapCreation { Type = BPF_MAP_TYPE_XSKMAP, KeySize = sizeof(uint), ValueSize = sizeof(uint), MaxEntries = queues };
        return Call(BPF_MAP_CREATE, &request, sizeof(MapCreation));
    }

    public static int SetSocket(int map, uint queue, int socket) => Update(map, &queue, &socket, BPF_ANY);

    /// <summary>A hash table whose elements take memory as they come.</summary>
    public static int CreateHash(uint keySize, uint valueSize, uint capacity)
    {
        var request = new MapCreation
        {
            Type = BPF_MAP_TYPE_HASH,
            KeySize = keySize,
            ValueSize = valueSize,
            MaxEntries = capacity,
            Flags = BPF_F_NO_PREALLOC,
        };
        return Call(BPF_MAP_CREATE, &request, sizeof(MapCreation));
    }

    /// <summary>Adds an element to a hash table; EEXIST if there is one of this key.</summary>
    public static int Insert<TKey, TValue>(int map, in TKey key, in TValue value)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        fixed (TKey* pinnedKey = &key)
        fixed (TValue* pinnedValue = &value)
        {
            return Update(map, pinnedKey, pinnedValue, BPF_NOEXIST);
        }
    }

    /// <summary>Takes an element out of a hash table. Its memory may be another element's at once, also for a program that has found it.</summary>
    public static int Delete<TKey>(int map, in TKey key)
        where TKey : unmanaged
    {
        fixed (TKey* pinned = &key)
        {
            var request = new MapUpdate { Map = map, Key = (ulong)pinned };
            return Call(BPF_MAP_DELETE_ELEM, &request, sizeof(MapUpdate));
        }
    }

    /// <summary>Reads a hash table that nobody writes meanwhile.</summary>
    /// <param name="keys">Room for all.</param>
    /// <param name="values">As much.</param>
    /// <returns>How many there are.</returns>
    public static int ReadAll<TKey, TValue>(int map, Span<TKey> keys, Span<TValue> values)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        fixed (TKey* pinnedKeys = keys)
        fixed (TValue* pinnedValues = values)
        {
            uint cursor;
            var request = new BatchRequest { Map = map, Keys = (ulong)pinnedKeys, Values = (ulong)pinnedValues, Count = (uint)keys.Length, NextBatch = (ulong)&cursor };
            return Call(BPF_MAP_LOOKUP_BATCH, &request, sizeof(BatchRequest)) == 0 || Errno.Last == Errno.ENOENT ? (int)request.Count : -1; // ENOENT: that was the last
        }
    }

    /// <summary>Adds elements to a hash table.</summary>
    public static int InsertAll<TKey, TValue>(int map, ReadOnlySpan<TKey> keys, ReadOnlySpan<TValue> values)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        fixed (TKey* pinnedKeys = keys)
        fixed (TValue* pinnedValues = values)
        {
            var request = new BatchRequest { Map = map, Keys = (ulong)pinnedKeys, Values = (ulong)pinnedValues, Count = (uint)keys.Length };
            return keys.IsEmpty ? 0 : Call(BPF_MAP_UPDATE_BATCH, &request, sizeof(BatchRequest));
        }
    }

    /// <summary>An array of maps like a given one.</summary>
    public static int CreateArrayOfMaps(uint capacity, int example)
    {
        var request = new MapCreation { Type = BPF_MAP_TYPE_ARRAY_OF_MAPS, KeySize = sizeof(uint), ValueSize = sizeof(uint), MaxEntries = capacity, InnerMap = example };
        return Call(BPF_MAP_CREATE, &request, sizeof(MapCreation));
    }

    /// <summary>Puts a map into an array of maps. Waits until no program uses the one that was there: some milliseconds.</summary>
    public static int SetMap(int array, uint index, int map) => Update(array, &index, &map, BPF_ANY);

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

    /// <summary>An array that can be mapped into the process; zeroed.</summary>
    /// <param name="bytes">Of each element; a multiple of 8 if there are several.</param>
    public static int CreateSharedMemory(uint bytes, uint elements = 1)
    {
        var request = new MapCreation { Type = BPF_MAP_TYPE_ARRAY, KeySize = sizeof(uint), ValueSize = bytes, MaxEntries = elements, Flags = BPF_F_MMAPABLE };
        return Call(BPF_MAP_CREATE, &request, sizeof(MapCreation));
    }

    /// <summary>A program for traffic control's hook. What the verifier complains of goes to <paramref name="log"/>.</summary>
    public static int LoadClassifier(ReadOnlySpan<BpfInstruction> program, Span<byte> log) =>
        Load(BPF_PROG_TYPE_SCHED_CLS, BPF_TCX_INGRESS, program, log);

    /// <summary>As <see cref="LoadXdp(ReadOnlySpan{BpfInstruction}, bool)"/>, without fragments. What the verifier complains of goes to <paramref name="log"/>.</summary>
    public static int LoadXdp(ReadOnlySpan<BpfInstruction> program, Span<byte> log) => Load(BPF_PROG_TYPE_XDP, BPF_XDP, program, log);

    /// <summary>Runs a classifier on each packet the interface receives, before the stack does anything else with it (Linux 6.6).</summary>
    public static int LinkIngress(int program, int interfaceIndex)
    {
        var request = new LinkCreation { Program = program, InterfaceIndex = interfaceIndex, AttachType = BPF_TCX_INGRESS };
        return Call(BPF_LINK_CREATE, &request, sizeof(LinkCreation));
    }

    /// <summary>Runs a program once on a copy of <paramref name="packet"/>, without consequences.</summary>
    /// <param name="result">The packet as the program left it; as long as the packet at least.</param>
    /// <param name="answer">What the program returned.</param>
    public static int RunOnce(int program, ReadOnlySpan<byte> packet, Span<byte> result, out uint answer)
    {
        fixed (byte* input = packet, output = result)
        {
            var request = new TestRun
            {
                Program = program,
                InputSize = (uint)packet.Length,
                OutputSize = (uint)result.Length,
                Input = (ulong)input,
                Output = (ulong)output,
                Repeat = 1,
            };
            int error = Call(BPF_PROG_TEST_RUN, &request, sizeof(TestRun));
            answer = request.Answer;
            return error;
        }
    }

    /// <summary>Runs a classifier once, on a copy of a packet, for what it does besides. Its network namespace is the calling thread's.</summary>
    /// <param name="packet">An Ethernet header at least.</param>
    /// <remarks>Neither waits nor allocates.</remarks>
    public static int Run(int program, byte* packet, int length)
    {
        var request = new TestRun { Program = program, InputSize = (uint)length, Input = (ulong)packet, Repeat = 1 };
        return Call(BPF_PROG_TEST_RUN, &request, sizeof(TestRun));
    }

    /// <summary>Runs an XDP program <paramref name="repeat"/> times on frames that go where it sends them, all on the calling thread's processor.</summary>
    /// <param name="packet">What fresh frames hold. Frames come back to the program as they left it.</param>
    /// <param name="batch">Frames made for each flush of redirects, 1 to 256.</param>
    /// <remarks>Documentation/bpf/bpf_prog_run.rst; Linux 5.18. EINTR when a signal came.</remarks>
    public static int RunLive(int program, ReadOnlySpan<byte> packet, uint repeat, uint batch)
    {
        fixed (byte* input = packet)
        {
            var request = new TestRun
            {
                Program = program,
                InputSize = (uint)packet.Length,
                Input = (ulong)input,
                Repeat = repeat,
                Flags = BPF_F_TEST_XDP_LIVE_FRAMES,
                BatchSize = batch,
            };
            return Call(BPF_PROG_TEST_RUN, &request, sizeof(TestRun));
        }
    }

    private static int Load(uint type, uint attachType, ReadOnlySpan<BpfInstruction> program, Span<byte> log, uint flags = 0)
    {
        fixed (BpfInstruction* instructions = program)
        fixed (byte* license = "Dual MIT/GPL\0"u8, text = log)
        {
            var request = new ProgramLoad
            {
                Type = type,
                InstructionCount = (uint)program.Length,
                Instructions = (ulong)instructions,
                License = (ulong)license,
                LogLevel = log.IsEmpty ? 0u : 1,
                LogSize = (uint)log.Length,
                Log = (ulong)text,
                Flags = flags,
                ExpectedAttachType = attachType,
            };
            return Call(BPF_PROG_LOAD, &request, sizeof(ProgramLoad));
        }
    }

    private static int Update(int map, void* key, void* value, uint flags)
    {
        var request = new MapUpdate { Map = map, Key = (ulong)key, Value = (ulong)value, Flags = flags };
        return Call(BPF_MAP_UPDATE_ELEM, &request, sizeof(MapUpdate));
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
        public int InnerMap;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 8)]
    private struct MapUpdate
    {
        public int Map;
        public ulong Key;
        public ulong Value;
        public ulong Flags;
    }

    private struct BatchRequest
    {
        public ulong Batch;
        public ulong NextBatch;
        public ulong Keys;
        public ulong Values;
        public uint Count;
        public int Map;
        public ulong ElementFlags;
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

    private struct TestRun
    {
        public int Program;
        public uint Answer;
        public uint InputSize;
        public uint OutputSize;
        public ulong Input;
        public ulong Output;
        public uint Repeat;
        public uint Duration;
        public uint ContextInputSize;
        public uint ContextOutputSize;
        public ulong ContextInput;
        public ulong ContextOutput;
        public uint Flags;
        public uint Processor;
        public uint BatchSize;
        public uint Padding;
    }
}

/// <summary>struct bpf_insn: opcode, destination in the lower and source in the upper four bits, offset, immediate.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal readonly record struct BpfInstruction(byte Code, byte Registers, short Offset, int Immediate);
