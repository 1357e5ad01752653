using Softswitch.Ports.Linux.Ebpf;
using static Softswitch.Ports.Linux.Ebpf.BpfCondition;
using static Softswitch.Ports.Linux.Ebpf.BpfOperation;
using static Softswitch.Ports.Linux.Ebpf.BpfRegister;
using static Softswitch.Ports.Linux.Ebpf.BpfWidth;

namespace Softswitch.Lab.Measures;

/// <summary>The classifier that receives measured frames: counts, checks sequence numbers, sorts latencies into buckets, and drops.</summary>
/// <remarks>
/// <para>
/// A duplicate is a sequence number seen before: one bit for each number says so, exactly. A reordered packet is one whose number is below the
/// highest seen of its flow (RFC 4737 §3.3). Lost is what was sent and not seen, once all has arrived.
/// </para>
/// <para>Plain additions: the program must not run on two processors at once, which holds while one processor sends to the interface.</para>
/// </remarks>
internal static class SinkProgram
{
    // The shared memory, in bytes.
    public const int Received = 0;
    public const int Duplicates = 8;
    public const int Reordered = 16;
    public const int Strays = 24;
    public const int LongestLatency = 32;
    public const int Epoch = 40;
    public const int LastArrival = 48; // CLOCK_MONOTONIC, ns; 0 before the first
    public const int LongestSilence = 56;
    public const int Latencies = 64;
    public const int Expected = Latencies + (8 * LatencyBuckets.Count); // by flow: one above the highest number seen

    private const int TCX_DROP = 2;

    // On the stack, so that the two words are aligned.
    private const int Fields = -26;
    private const int FieldBytes = MeasuredFrame.MinLength - MeasuredFrame.EpochOffset;
    private const int Sequence = Fields + MeasuredFrame.SequenceOffset - MeasuredFrame.EpochOffset;
    private const int Stamp = Fields + MeasuredFrame.StampOffset - MeasuredFrame.EpochOffset;

    /// <summary>Where the bits of seen sequence numbers begin.</summary>
    public static int SeenOffset(int flows) => Expected + (8 * FlowSlots(flows));

    public static int MemoryBytes(int flows, int capacity) => SeenOffset(flows) + (capacity / 8);

    /// <param name="memory">Of <see cref="MemoryBytes"/>.</param>
    /// <param name="capacity">Sequence numbers there may be; a power of two, 64 at least.</param>
    public static BpfInstruction[] Assemble(int memory, int flows, int capacity)
    {
        const BpfRegister state = R7;
        const BpfRegister sequence = R8;
        const BpfRegister latency = R9;
        var code = new BpfAssembler();
        BpfLabel stray = code.NewLabel();
        BpfLabel done = code.NewLabel();

        // The fields; sent through rings, packets are not in one piece, so they are fetched.
        code.LoadAddress(state, memory, 0);
        code.Move(R2, MeasuredFrame.EpochOffset);
        code.LoadStackAddress(R3, Fields);
        code.Move(R4, FieldBytes);
        code.Call(BpfFunction.BPF_FUNC_skb_load_bytes);
        code.JumpIf(R0, NotEqual, 0, stray);
        code.Load(Bytes2, R1, R10, Fields);
        code.Load(Bytes8, R2, state, Epoch);
        code.JumpIf(R1, NotEqual, R2, stray);
        code.Load(Bytes8, sequence, R10, Sequence);
        code.JumpIf(sequence, GreaterOrEqual, capacity, stray);

        code.Increase(state, Received);
        RecordLatency(code, memory, state, latency);
        CheckSequence(code, memory, state, sequence, flows, capacity, done);
        code.Jump(done);

        code.Mark(stray);
        code.Increase(state, Strays);
        code.Mark(done);
        code.Move(R0, TCX_DROP);
        code.Exit();
        return code.Complete();
    }

    private static int FlowSlots(int flows) => (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)flows);

    private static void RecordLatency(BpfAssembler code, int memory, BpfRegister state, BpfRegister latency)
    {
        BpfLabel positive = code.NewLabel();
        BpfLabel notLongest = code.NewLabel();
        code.Call(BpfFunction.BPF_FUNC_ktime_get_ns);
        RecordSilence(code, state);
        code.Load(Bytes8, latency, R10, Stamp);
        code.Do(Subtract, R0, latency);
        code.Move(latency, R0);
        code.Load(Bytes8, R1, state, LongestLatency);
        code.JumpIf(latency, BpfCondition.SignedLess, R1, notLongest);
        code.Store(Bytes8, state, LongestLatency, latency);
        code.Mark(notLongest);
        // Clocks of processors may differ by a little.
        BpfLabel negative = code.NewLabel();
        code.JumpIf(latency, BpfCondition.SignedLess, 0, negative);
        code.Jump(positive);
        code.Mark(negative);
        code.Move(latency, 0);
        code.Mark(positive);
        BucketOf(code, latency);
        CountAt(code, memory, Latencies, LatencyBuckets.Count);
    }

    /// <summary>How long nothing had arrived before now, which is in R0 and stays there.</summary>
    private static void RecordSilence(BpfAssembler code, BpfRegister state)
    {
        BpfLabel notLongest = code.NewLabel();
        code.Load(Bytes8, R1, state, LastArrival);
        code.Store(Bytes8, state, LastArrival, R0);
        code.JumpIf(R1, Equal, 0, notLongest);
        code.Move(R2, R0);
        code.Do(Subtract, R2, R1);
        code.Load(Bytes8, R3, state, LongestSilence);
        code.JumpIf(R2, BpfCondition.SignedLess, R3, notLongest);
        code.Store(Bytes8, state, LongestSilence, R2);
        code.Mark(notLongest);
    }

    /// <summary>R1 becomes <see cref="LatencyBuckets.BucketOf"/> of a register. BPF has no instruction for the leading bit: it is searched by halves.</summary>
    private static void BucketOf(BpfAssembler code, BpfRegister value)
    {
        BpfLabel known = code.NewLabel();
        code.Move(R1, value);
        code.JumpIf(value, Less, LatencyBuckets.SubCount, known);
        code.Move(R2, value); // what is left of it
        code.Move(R1, 0); // the leading bit's number
        for (int bits = 32; bits > 0; bits /= 2)
        {
            BpfLabel lower = code.NewLabel();
            code.Move(R3, R2);
            code.Do(ShiftRight, R3, bits);
            code.JumpIf(R3, Equal, 0, lower);
            code.Move(R2, R3);
            code.Do(Add, R1, bits);
            code.Mark(lower);
        }
        code.Do(Subtract, R1, LatencyBuckets.SubBits); // the shift
        code.Move(R2, value);
        code.Do(ShiftRight, R2, R1);
        code.Do(Add, R1, 1);
        code.Do(ShiftLeft, R1, LatencyBuckets.SubBits);
        code.Do(Add, R1, R2);
        code.Do(Subtract, R1, LatencyBuckets.SubCount);
        code.Mark(known);
    }

    /// <summary>Adds one to the word number R1 of a table.</summary>
    private static void CountAt(BpfAssembler code, int memory, int table, int words)
    {
        WordAt(code, memory, table, words);
        code.Load(Bytes8, R2, R1, 0);
        code.Do(Add, R2, 1);
        code.Store(Bytes8, R1, 0, R2);
    }

    /// <summary>R1, the number of a word in a table, becomes its address; R2 is destroyed.</summary>
    /// <param name="words">A power of two: the mask shows the verifier that the address is inside.</param>
    private static void WordAt(BpfAssembler code, int memory, int table, int words)
    {
        code.Do(And, R1, words - 1);
        code.Do(ShiftLeft, R1, 3);
        code.LoadAddress(R2, memory, table);
        code.Do(Add, R2, R1);
        code.Move(R1, R2);
    }

    private static void CheckSequence(BpfAssembler code, int memory, BpfRegister state, BpfRegister sequence, int flows, int capacity, BpfLabel done)
    {
        BpfLabel first = code.NewLabel();
        BpfLabel inOrder = code.NewLabel();
        code.Move(R1, sequence);
        code.Do(ShiftRight, R1, 6);
        WordAt(code, memory, SeenOffset(flows), capacity / 64);
        code.Move(R2, sequence);
        code.Do(And, R2, 63);
        code.Move(R3, 1);
        code.Do(ShiftLeft, R3, R2);
        code.Load(Bytes8, R4, R1, 0);
        code.Move(R5, R4);
        code.Do(And, R5, R3);
        code.JumpIf(R5, Equal, 0, first);
        code.Increase(state, Duplicates);
        code.Jump(done);

        code.Mark(first);
        code.Do(Or, R4, R3);
        code.Store(Bytes8, R1, 0, R4);
        code.Move(R1, sequence);
        code.Do(Modulo, R1, flows);
        WordAt(code, memory, Expected, FlowSlots(flows));
        code.Load(Bytes8, R3, R1, 0);
        code.JumpIf(sequence, GreaterOrEqual, R3, inOrder);
        code.Increase(state, Reordered);
        code.Jump(done);

        code.Mark(inOrder);
        code.Do(Add, sequence, 1);
        code.Store(Bytes8, R1, 0, sequence);
    }
}
