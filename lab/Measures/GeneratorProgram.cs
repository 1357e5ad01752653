using System.Runtime.InteropServices;
using Softswitch.Ports.Linux.Ebpf;
using static Softswitch.Ports.Linux.Ebpf.BpfCondition;
using static Softswitch.Ports.Linux.Ebpf.BpfOperation;
using static Softswitch.Ports.Linux.Ebpf.BpfRegister;
using static Softswitch.Ports.Linux.Ebpf.BpfWidth;

namespace Softswitch.Lab.Measures;

/// <summary>The XDP program that makes measured frames: run over and over on fresh frames, it sends one whenever one is due and drops the rest.</summary>
/// <remarks>
/// So the pace is kept inside of the kernel, to the time of a run (tens of nanoseconds), without a system call per packet or burst. What could not be
/// sent in time because the processor was away is made up for at once, up to <see cref="MostLateNanoseconds"/>; beyond that it is not
/// offered at all, since a burst of milliseconds would be another test.
/// </remarks>
internal static class GeneratorProgram
{
    // The shared memory, in bytes. Times are in 1/1024 ns since Start: an interval of 400 ns would else be off by up to a quarter of a percent.
    public const int Next = 0; // sequence number
    public const int Limit = 8; // the first not to be sent any more
    public const int Start = 16; // CLOCK_MONOTONIC, ns
    public const int Due = 24;
    public const int Interval = 32;
    public const int Epoch = 40;
    public const int MemoryBytes = 48;

    public const int TimeShift = 10;
    public const long MostLateNanoseconds = 100_000;

    private const int XDP_DROP = 1;

    /// <param name="memory">Of <see cref="MemoryBytes"/>.</param>
    /// <param name="egress">Index of the interface that sends the frames.</param>
    /// <param name="template">A frame, for what all have in common.</param>
    public static BpfInstruction[] Assemble(int memory, int egress, int flows, ReadOnlySpan<byte> template)
    {
        const BpfRegister state = R9;
        const BpfRegister packet = R7;
        const BpfRegister now = R6;
        var code = new BpfAssembler();
        BpfLabel drop = code.NewLabel();

        // The frame, and the proof for the verifier that it is long enough.
        code.Load(Bytes4, packet, R1, 0); // xdp_md.data
        code.Load(Bytes4, R8, R1, 4); // xdp_md.data_end
        code.Move(R0, packet);
        code.Do(Add, R0, MeasuredFrame.MinLength);
        code.JumpIf(R0, Greater, R8, drop);

        // Is one due?
        code.LoadAddress(state, memory, 0);
        code.Call(BpfFunction.BPF_FUNC_ktime_get_ns);
        code.Move(now, R0);
        code.Load(Bytes8, R1, state, Start);
        code.Do(Subtract, R0, R1);
        code.Do(ShiftLeft, R0, TimeShift);
        code.Load(Bytes8, R1, state, Due);
        code.JumpIf(R0, Less, R1, drop);
        code.Load(Bytes8, R2, state, Next);
        code.Load(Bytes8, R3, state, Limit);
        code.JumpIf(R2, GreaterOrEqual, R3, drop);

        // The next is due an interval after this one was, but what is too late is let go.
        BpfLabel inTime = code.NewLabel();
        code.Do(Subtract, R0, (int)(MostLateNanoseconds << TimeShift));
        code.JumpIf(R0, SignedLess, 0, inTime);
        code.JumpIf(R1, GreaterOrEqual, R0, inTime);
        code.Move(R1, R0);
        code.Mark(inTime);
        code.Load(Bytes8, R3, state, Interval);
        code.Do(Add, R1, R3);
        code.Store(Bytes8, state, Due, R1);

        // The frame's headers and fields. Frames come back as they were left, also by a switch that rewrote them in the kernel, so all are written each time.
        for (int at = 0; at < MeasuredFrame.EpochOffset; at += sizeof(ushort))
        {
            code.Move(R3, MemoryMarshal.Read<ushort>(template[at..]));
            code.Store(Bytes2, packet, at, R3);
        }
        code.Store(Bytes8, packet, MeasuredFrame.SequenceOffset, R2);
        code.Store(Bytes8, packet, MeasuredFrame.StampOffset, now);
        code.Load(Bytes8, R3, state, Epoch);
        code.Store(Bytes2, packet, MeasuredFrame.EpochOffset, R3);
        code.Move(R3, R2);
        code.Do(Modulo, R3, flows);
        code.ToNetworkOrder16(R3);
        code.Store(Bytes2, packet, MeasuredFrame.SourcePortOffset, R3);
        code.Do(Add, R2, 1);
        code.Store(Bytes8, state, Next, R2);

        code.Move(R1, egress);
        code.Move(R2, 0);
        code.Call(BpfFunction.BPF_FUNC_redirect);
        code.Exit();
        code.Mark(drop);
        code.Move(R0, XDP_DROP);
        code.Exit();
        return code.Complete();
    }
}
