namespace Softswitch.Ports.Linux.Ebpf;

/// <summary>The part of bpf(2) for programs that are run on demand, or on what an interface receives, and for memory shared with them.</summary>
internal static unsafe partial class Bpf
{
    private const uint BPF_PROG_TYPE_SCHED_CLS = 3;

    private const int BPF_PROG_TEST_RUN = 10;

    private const uint BPF_MAP_TYPE_ARRAY = 2;
    private const uint BPF_F_MMAPABLE = 1 << 10;
    private const uint BPF_F_TEST_XDP_LIVE_FRAMES = 1 << 1;
    private const uint BPF_TCX_INGRESS = 46; // enum bpf_attach_type

    /// <summary>An array of one element that can be mapped into the process; zeroed.</summary>
    public static int CreateSharedMemory(uint bytes)
    {
        var request = new MapCreation { Type = BPF_MAP_TYPE_ARRAY, KeySize = sizeof(uint), ValueSize = bytes, MaxEntries = 1, Flags = BPF_F_MMAPABLE };
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
