using Softswitch.Lab.Linux;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Ebpf;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Lab.Measures;

/// <summary>What a generator sent in a run.</summary>
/// <param name="Packets">Sequence numbers from 0 up to this were handed to the interface.</param>
/// <param name="Elapsed">From the first to the end.</param>
internal readonly record struct GeneratorRun(long Packets, TimeSpan Elapsed);

/// <summary>Sends measured frames through an interface at a set rate, from within the kernel.</summary>
/// <remarks>
/// <para>
/// An XDP program makes the frames and is run by BPF_PROG_TEST_RUN with live frames: pages go straight to the driver's ndo_xdp_xmit, without a socket
/// buffer, a copy or a system call for each. An AF_XDP sender would, on veth, cost a socket buffer and its share of a system call per packet:
/// several times as much, and less than a switch takes. What receives at the other end of a veth must take frames by NAPI: an XDP program there
/// does that, or generic receive offload switched on (<see cref="InterfaceFeatures.SetReceiveOffload"/>).
/// </para>
/// <para>Threads: one, in the network namespace of the interface; frames are made, and received at the veth's other end, on its processor.</para>
/// </remarks>
internal sealed class FrameGenerator : IDisposable
{
    // Frames between two flushes: within the 256 that a veth queues.
    private const int Batch = 32;

    // Runs of the program for each system call; making their pages costs it some microseconds.
    private const int RunsPerCall = 1 << 13;

    private readonly byte[] _template;
    private readonly BpfMemory _memory;
    private readonly int _program;
    private readonly int _link;

    private FrameGenerator(byte[] template, BpfMemory memory, int program, int link)
    {
        _template = template;
        _memory = memory;
        _program = program;
        _link = link;
    }

    /// <summary>The program itself, for runs without consequences.</summary>
    internal int Program => _program;

    /// <summary>Opens in the calling thread's network namespace, of whose loopback interface it makes use.</summary>
    /// <param name="interfaceName">What sends the frames.</param>
    /// <param name="frameLength">Bytes without FCS, <see cref="MeasuredFrame.MinLength"/> to <see cref="MeasuredFrame.MaxLength"/>.</param>
    /// <param name="flows">1 to <see cref="MeasuredFrame.MaxFlows"/>, in turn.</param>
    /// <exception cref="PortException">There is no such interface.</exception>
    /// <exception cref="SystemCallException">The kernel refuses.</exception>
    public static FrameGenerator Open(string interfaceName, int frameLength, int flows)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frameLength, MeasuredFrame.MinLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(frameLength, MeasuredFrame.MaxLength);
        ArgumentOutOfRangeException.ThrowIfLessThan(flows, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(flows, MeasuredFrame.MaxFlows);
        using LinuxInterface egress = LinuxInterface.Open(interfaceName, interfaceName);
        var memory = new BpfMemory(GeneratorProgram.MemoryBytes);
        int program = -1;
        try
        {
            byte[] log = new byte[1 << 16];
            byte[] template = MeasuredFrame.Template(frameLength);
            program = BpfMemory.CheckLoaded(Bpf.LoadXdp(GeneratorProgram.Assemble(memory.Map, egress.Index, flows, template), log), log);
            return new FrameGenerator(template, memory, program, Register(program));
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

    /// <summary>Sends for so long; the calling thread is in the kernel meanwhile.</summary>
    /// <param name="packetsPerSecond">Infinity for as many as can be made.</param>
    /// <param name="epoch">Not 0; tells this run's frames from earlier ones.</param>
    /// <param name="limit">No more packets than this.</param>
    /// <exception cref="SystemCallException">The kernel refuses.</exception>
    public GeneratorRun Run(double packetsPerSecond, TimeSpan duration, ushort epoch, long limit, CancellationToken cancellation)
    {
        long start = Prepare(packetsPerSecond, epoch, limit);
        long end = start + (long)(duration.TotalMilliseconds * 1e6);
        long now = start;
        while (now < end && _memory[GeneratorProgram.Next] < limit && !cancellation.IsCancellationRequested)
        {
            if (Bpf.RunLive(_program, _template, RunsPerCall, Batch) < 0 && Errno.Last != Errno.EINTR)
            {
                throw SystemCallException.Last("bpf(BPF_PROG_TEST_RUN, live frames)");
            }
            now = KernelClock.Nanoseconds;
        }
        return new GeneratorRun(_memory[GeneratorProgram.Next], TimeSpan.FromTicks((now - start) / TimeSpan.NanosecondsPerTick));
    }

    public void Dispose()
    {
        _memory.Dispose();
        _ = Bpf.DetachLink(_link);
        _ = Libc.close(_link);
        _ = Libc.close(_program);
    }

    /// <summary>Puts the program on the loopback interface, where nothing arrives.</summary>
    /// <remarks>
    /// The kernel keeps a jump table of the XDP programs in use (kernel/bpf/dispatcher.c). A run of one that is not there puts it in and takes it out
    /// again, and each time waits for all processors, milliseconds in which no frame is sent.
    /// </remarks>
    private static int Register(int program)
    {
        using LinuxInterface loopback = LinuxInterface.Open("lo", "lo");
        int link = Bpf.LinkXdp(program, loopback.Index, XdpSocket.XDP_FLAGS_SKB_MODE);
        return link >= 0 ? link : throw SystemCallException.Last("bpf(BPF_LINK_CREATE, lo)");
    }

    /// <summary>Sets the program's memory for a run that begins now, and returns now.</summary>
    internal long Prepare(double packetsPerSecond, ushort epoch, long limit)
    {
        long start = KernelClock.Nanoseconds;
        _memory[GeneratorProgram.Next] = 0;
        _memory[GeneratorProgram.Limit] = limit;
        _memory[GeneratorProgram.Epoch] = epoch;
        _memory[GeneratorProgram.Due] = 0;
        _memory[GeneratorProgram.Interval] = double.IsPositiveInfinity(packetsPerSecond) ? 0 : (long)(1e9 / packetsPerSecond * (1 << GeneratorProgram.TimeShift));
        _memory[GeneratorProgram.Start] = start;
        return start;
    }
}
