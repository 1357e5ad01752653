using System.Numerics;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Ebpf;
using Softswitch.Ports.Linux.Interfaces;

namespace Softswitch.Lab.Measures;

/// <summary>What a sink has seen since <see cref="FrameSink.Begin"/>.</summary>
/// <param name="Received">Measured frames of the epoch, duplicates among them.</param>
/// <param name="Duplicates">Of those, with a sequence number that had been seen.</param>
/// <param name="Reordered">Of those, first seen after a higher number of their flow.</param>
/// <param name="Strays">Other packets.</param>
/// <param name="LongestNanoseconds">The longest latency.</param>
/// <param name="LongestSilenceNanoseconds">The longest time between one arrival and the next.</param>
internal readonly record struct SinkCounts(
    long Received, long Duplicates, long Reordered, long Strays, long LongestNanoseconds, long LongestSilenceNanoseconds = 0)
{
    /// <summary>Different packets that arrived.</summary>
    public long Delivered => Received - Duplicates;
}

/// <summary>Receives measured frames on an interface by a program in the kernel, which counts, checks and drops them.</summary>
/// <remarks>
/// A classifier at the TCX hook, not XDP: on a veth that is sent socket buffers, XDP would first copy each into a page, and the processor that sends, the
/// switch's, would pay for it. No process takes part. The link owns the attachment: it ends with the process. Threads: any; nothing is
/// exact while packets arrive.
/// </remarks>
internal sealed class FrameSink : IDisposable
{
    /// <summary>Most packets of a run.</summary>
    public const int MaxCapacity = 1 << 30;

    private const int MinCapacity = 1 << 10;

    private readonly BpfMemory _memory;
    private readonly int _program;
    private readonly int _link;

    private FrameSink(BpfMemory memory, int program, int link, int capacity)
    {
        _memory = memory;
        _program = program;
        _link = link;
        Capacity = capacity;
    }

    /// <summary>Sequence numbers that can be told apart: from 0 up to this.</summary>
    public int Capacity { get; }

    /// <summary>The program itself, for runs on packets of one's own.</summary>
    internal int Program => _program;

    /// <summary>Attaches to an interface of the calling thread's network namespace.</summary>
    /// <param name="interfaceName">What receives.</param>
    /// <param name="flows">As of the generator.</param>
    /// <param name="packets">Most packets of a run, up to <see cref="MaxCapacity"/>: a bit of memory each.</param>
    /// <exception cref="PortException">There is no such interface.</exception>
    /// <exception cref="SystemCallException">The kernel refuses.</exception>
    public static FrameSink Attach(string interfaceName, int flows, long packets)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(packets, MaxCapacity);
        int capacity = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(MinCapacity, packets));
        using LinuxInterface device = LinuxInterface.Open(interfaceName, interfaceName);
        var memory = new BpfMemory(SinkProgram.MemoryBytes(flows, capacity));
        int program = -1;
        try
        {
            byte[] log = new byte[1 << 16];
            program = BpfMemory.CheckLoaded(Bpf.LoadClassifier(SinkProgram.Assemble(memory.Map, flows, capacity), log), log);
            int link = Bpf.LinkIngress(program, device.Index);
            return link >= 0
                ? new FrameSink(memory, program, link, capacity)
                : throw new SystemCallException("bpf(BPF_LINK_CREATE, BPF_TCX_INGRESS; Linux 6.6 or later is wanted)", Errno.Last);
        }
        catch
        {
            if (program >= 0)
            {
                _ = Libc.close(program);
            }
            memory.Dispose();
            throw;
        }
    }

    /// <summary>Forgets everything and counts frames of this epoch from now on; others are strays.</summary>
    public void Begin(ushort epoch)
    {
        _memory.Clear();
        _memory[SinkProgram.Epoch] = epoch;
    }

    public SinkCounts Read() => new(
        _memory[SinkProgram.Received], _memory[SinkProgram.Duplicates], _memory[SinkProgram.Reordered], _memory[SinkProgram.Strays],
        _memory[SinkProgram.LongestLatency], _memory[SinkProgram.LongestSilence]);

    /// <summary>How many packets had a latency of each of <see cref="LatencyBuckets"/>.</summary>
    public long[] ReadLatencies()
    {
        long[] counts = new long[LatencyBuckets.Count];
        for (int i = 0; i < counts.Length; i++)
        {
            counts[i] = _memory[SinkProgram.Latencies + (8 * i)];
        }
        return counts;
    }

    public void Dispose()
    {
        // Close would do it, but not while a child of this process, between fork and exec, still has the descriptor.
        _ = Bpf.DetachLink(_link);
        _ = Libc.close(_link);
        _ = Libc.close(_program);
        _memory.Dispose();
    }
}
