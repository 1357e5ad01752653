using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Ebpf;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Linux.Sockets;
using static Softswitch.Ports.Linux.Ebpf.BpfCondition;
using static Softswitch.Ports.Linux.Ebpf.BpfOperation;
using static Softswitch.Ports.Linux.Ebpf.BpfRegister;
using static Softswitch.Ports.Linux.Ebpf.BpfWidth;

namespace Softswitch.Ports.AfPacket;

/// <summary>Sends a burst of small packets out of an interface: a BPF program takes them from shared memory.</summary>
/// <remarks>
/// <para>
/// Why not a socket. A socket hands the kernel one packet after the other, and after each of them the kernel looks after its softirqs.
/// Behind a veth that is the whole receiving side, begun and ended for a single packet. A program runs with softirqs held back, so the
/// receiving side takes the burst as one. Nor is there the book-keeping of a socket's buffers. That is two fifths of the kernel's time.
/// BPF_PROG_RUN is documented for programs that are run for what they do besides (Documentation/bpf/bpf_prog_run.rst).
/// </para>
/// <para>
/// bpf_clone_redirect sends as a socket does (dev_queue_xmit): queueing disciplines, programs of traffic control and captures on the
/// interface see the packets.
/// </para>
/// <para>
/// A burst has one EtherType. The kernel takes it from the packet that the program is run on (skb->protocol), and filters of traffic
/// control ask for it.
/// </para>
/// <para>
/// The kernel looks for the interface in the calling thread's network namespace, where its index may be another one's. On threads of
/// other namespaces nothing is sent.
/// </para>
/// Threads: the worker that owns the queue.
/// </remarks>
internal sealed unsafe class BurstSender : IDisposable
{
    /// <summary>For fewer packets a ring is as good: a run by itself costs about as much as sending five.</summary>
    public const int Least = 16;

    // The shared memory: a head, then slots of a length and the packet's bytes.
    private const int Count = 0; // to be sent
    private const int Sent = 8;
    private const int Answer = 16; // of the kernel to the first that was not, 64 bits
    private const int Slots = 256;
    private const int SlotBytes = 256;
    private const int Data = 16;
    private const int Most = 64;
    private const int Longest = SlotBytes - Data;

    private const int EtherTypeOffset = 12;
    private const ushort LeastEtherType = 0x600; // below it is a length (IEEE 802.3 §3.2.6)
    private const ushort Vlan = 0x8100;
    private const ushort ServiceVlan = 0x88a8;

    // linux/netdevice.h: dropped; dropped or queued while others were dropped.
    private const long NET_XMIT_DROP = 1;
    private const long NET_XMIT_CN = 2;

    private readonly BpfMemory _memory;
    private readonly int _program;
    private readonly string _namespace;
    private Thread? _thread;
    private bool _isHere;
    private bool _isRefused;

    private BurstSender(BpfMemory memory, int program, string space)
    {
        _memory = memory;
        _program = program;
        _namespace = space;
    }

    /// <summary>Opens in the calling thread's network namespace.</summary>
    /// <exception cref="SystemCallException">The system refuses: before Linux 5.10, or without CAP_BPF and CAP_NET_ADMIN.</exception>
    public static BurstSender Open(int interfaceIndex)
    {
        var memory = new BpfMemory(Slots + ((Most + 1) * SlotBytes)); // the program comes to the slot behind the last
        try
        {
            int program = BpfMemory.CheckLoaded(Bpf.LoadClassifier(Assemble(memory.Map, interfaceIndex), log: default), log: default);
            return new BurstSender(memory, program, NetworkNamespace.NameOfCurrent());
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>Takes a copy of packets from the first on that can go together.</summary>
    /// <param name="longest">Of the interface.</param>
    /// <returns>How many; 0 if they are too few, or this thread cannot send them.</returns>
    public int Stage(ReadOnlySpan<Packet> packets, int longest)
    {
        if (_isRefused || !IsHere)
        {
            return 0;
        }
        int count = CountAlike(packets[..Math.Min(packets.Length, Most)], Math.Min(longest, Longest));
        if (count < Least)
        {
            return 0;
        }
        byte* slot = _memory.Start + Slots;
        foreach (ref readonly Packet packet in packets[..count])
        {
            *(uint*)slot = (uint)packet.Length;
            Unsafe.CopyBlockUnaligned(slot + Data, packet.Data, (uint)packet.Length);
            slot += SlotBytes;
        }
        _memory[Count] = count;
        return count;
    }

    /// <summary>Sends what was staged.</summary>
    /// <param name="error">Why the first packet that was not sent was not; 0 where that is not known.</param>
    /// <returns>How many packets the kernel took, from the first on.</returns>
    public int Send(out int error)
    {
        error = 0;
        _memory[Sent] = 0;
        _memory[Answer] = 0;
        byte* first = _memory.Start + Slots;
        if (Bpf.Run(_program, first + Data, *(int*)first) < 0)
        {
            _isRefused = Errno.Last is not (Errno.ENOMEM or Errno.EAGAIN); // these pass
            return 0;
        }
        long answer = _memory[Answer];
        error = answer == NET_XMIT_DROP ? Errno.ENOBUFS : answer < 0 ? (int)-answer : 0;
        return (int)_memory[Sent] + (answer == NET_XMIT_CN ? 1 : 0);
    }

    /// <summary>No worker uses it.</summary>
    public void Dispose()
    {
        _ = Libc.close(_program);
        _memory.Dispose();
    }

    private bool IsHere
    {
        get
        {
            if (!ReferenceEquals(_thread, Thread.CurrentThread))
            {
                _thread = Thread.CurrentThread;
                _isHere = _namespace.Length > 0 && _namespace == NetworkNamespace.NameOfCurrent();
            }
            return _isHere;
        }
    }

    private static int CountAlike(ReadOnlySpan<Packet> packets, int longest)
    {
        int count = 0;
        ushort type = 0;
        foreach (ref readonly Packet packet in packets)
        {
            if (packet.HasOffload || packet.Length < LinkFrame.HeaderLength || packet.Length > longest)
            {
                break;
            }
            ushort own = Unsafe.ReadUnaligned<ushort>(packet.Data + EtherTypeOffset);
            // A tagged packet has another flow hash here than from a packet socket: it could take another queue, and overtake.
            if (count > 0 ? own != type : BinaryPrimitives.ReverseEndianness(own) is < LeastEtherType or Vlan or ServiceVlan)
            {
                break;
            }
            type = own;
            count++;
        }
        return count;
    }

    /// <summary>For each slot: makes the packet that the program runs on this one, and sends a copy of it.</summary>
    /// <remarks>Addresses grow by constants alone: without CAP_PERFMON the verifier wants no others in a loop.</remarks>
    private static BpfInstruction[] Assemble(int memory, int interfaceIndex)
    {
        const BpfRegister context = R6; // struct __sk_buff; its first member is the length
        const BpfRegister slot = R7;
        const BpfRegister done = R8;
        const BpfRegister count = R9;
        const int length = -8; // on the stack
        var code = new BpfAssembler();
        BpfLabel next = code.NewLabel();
        BpfLabel isAsLong = code.NewLabel();
        BpfLabel fail = code.NewLabel();
        BpfLabel end = code.NewLabel();
        code.Move(context, R1);
        code.LoadAddress(R1, memory, Count);
        code.Load(Bytes8, count, R1, 0);
        code.LoadAddress(slot, memory, Slots);
        code.Move(done, 0);

        code.Mark(next);
        code.JumpIf(done, GreaterOrEqual, Most, end);
        code.JumpIf(done, GreaterOrEqual, count, end);
        code.Load(Bytes4, R4, slot, 0);
        code.JumpIf(R4, Greater, Longest, end); // what the verifier wants to be told
        code.JumpIf(R4, Less, LinkFrame.HeaderLength, end);
        code.Store(Bytes8, R10, length, R4);
        code.Load(Bytes4, R5, context, 0);
        code.JumpIf(R5, Equal, R4, isAsLong);
        code.Move(R1, context);
        code.Move(R2, R4);
        code.Move(R3, 0);
        code.Call(BpfFunction.BPF_FUNC_skb_change_tail);
        code.JumpIf(R0, NotEqual, 0, fail);
        code.Mark(isAsLong);

        code.Move(R1, context);
        code.Move(R2, 0);
        code.Move(R3, slot);
        code.Do(Add, R3, Data);
        code.Load(Bytes8, R4, R10, length);
        code.Move(R5, 0);
        code.Call(BpfFunction.BPF_FUNC_skb_store_bytes);
        code.JumpIf(R0, NotEqual, 0, fail);
        code.Move(R1, context);
        code.Move(R2, interfaceIndex);
        code.Move(R3, 0);
        code.Call(BpfFunction.BPF_FUNC_clone_redirect);
        code.JumpIf(R0, NotEqual, 0, fail);
        code.Do(Add, slot, SlotBytes);
        code.Do(Add, done, 1);
        code.Jump(next);

        code.Mark(fail);
        code.LoadAddress(R1, memory, Answer);
        code.Store(Bytes8, R1, 0, R0);
        code.Mark(end);
        code.LoadAddress(R1, memory, Sent);
        code.Store(Bytes8, R1, 0, done);
        code.Move(R0, 0);
        code.Exit();
        return code.Complete();
    }
}
