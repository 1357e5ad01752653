using Softswitch.Ports.Linux.Ebpf;
using static Softswitch.Ports.KernelOffload.OffloadProgram;
using static Softswitch.Ports.Linux.Ebpf.BpfCondition;
using static Softswitch.Ports.Linux.Ebpf.BpfOperation;
using static Softswitch.Ports.Linux.Ebpf.BpfRegister;
using static Softswitch.Ports.Linux.Ebpf.BpfWidth;

namespace Softswitch.Ports.KernelOffload;

/// <summary>The part of the program that executes a record: outputs, and header rewrites by <see cref="RewriteProgram"/>.</summary>
/// <remarks>
/// An action is a word: its kind in the first byte, <see cref="Last"/> in the second for the list's last output, and six bytes of value. Outputs before
/// the last send a clone. If the kernel has no memory for one, or for a change, the copy or the packet ends there, which is counted.
/// </remarks>
internal sealed class ActionProgram
{
    /// <summary>In an action's second byte.</summary>
    public const int Last = 1;

    /// <summary>Where an action's value begins, in bits.</summary>
    public const int ValueBits = 16;

    private const int BPF_MTU_CHK_SEGS = 1;

    // On the stack: what bpf_check_mtu found.
    private const int Longest = -220;

    private readonly BpfAssembler _code;
    private readonly OffloadLayout _layout;
    private readonly int _state;
    private readonly BpfLabel _leave;
    private readonly BpfLabel _next;
    private readonly BpfLabel _end;
    private readonly BpfLabel _drop;
    private readonly BpfLabel _failed;

    public ActionProgram(BpfAssembler code, OffloadLayout layout, int state, BpfLabel drop, BpfLabel leave)
    {
        _code = code;
        _layout = layout;
        _state = state;
        _drop = drop;
        _leave = leave;
        _next = code.NewLabel();
        _end = code.NewLabel();
        _failed = code.NewLabel();
    }

    /// <summary>A register becomes the address of a port's counts on this processor; R1 and R2 are destroyed.</summary>
    /// <param name="slot">Where on the stack the port's number in the layout is.</param>
    public static void LoadCounts(BpfAssembler code, OffloadLayout layout, int state, BpfRegister to, int slot)
    {
        code.Load(Bytes8, R1, R10, slot);
        code.Do(Multiply, R1, layout.CountsOfPort);
        code.Load(Bytes8, R2, R10, Processor);
        code.Do(Multiply, R2, PortCounts.Size / OffloadLayout.Line);
        code.Do(Add, R1, R2);
        code.LoadAddress(to, state, layout.Counts);
        code.Do(Add, to, R1);
    }

    /// <summary>R9 is the record. Nothing leads to what is written next but the labels.</summary>
    public void Write()
    {
        _code.Move(R1, 0);
        _code.Store(Bytes8, R10, Counter, R1);
        _code.Store(Bytes8, R10, LeftCount, R1);

        _code.Mark(_next);
        _code.Load(Bytes8, R1, R10, Counter);
        _code.JumpIf(R1, GreaterOrEqual, OffloadLayout.MostActions, _end); // for the verifier
        _code.Do(Add, R1, 1);
        _code.Store(Bytes8, R10, Counter, R1);
        _code.Do(Add, R9, sizeof(ulong));
        _code.Load(Bytes8, R7, R9, 0);
        _code.Do(ShiftRight, R7, ValueBits);
        _code.Load(Bytes1, R1, R9, 0);
        Output();
        RewriteProgram rewrites = new(_code, _next, _failed);
        rewrites.Write();
        Increase(IngressCounts, PortCounts.NoOutputOffset); // OffloadAction.Drop
        _code.Jump(_end);
        rewrites.WriteRest();

        _code.Mark(_failed);
        Increase(IngressCounts, PortCounts.FailedOffset);
        _code.Mark(_end);
        CountIngress();
        _code.Jump(_drop);
    }

    private void Output()
    {
        BpfLabel other = _code.NewLabel();
        BpfLabel to = _code.NewLabel();
        BpfLabel elsewhere = _code.NewLabel();
        BpfLabel linked = _code.NewLabel();
        BpfLabel segment = _code.NewLabel();
        BpfLabel tooLong = _code.NewLabel();
        BpfLabel fits = _code.NewLabel();
        BpfLabel clone = _code.NewLabel();
        BpfLabel noClone = _code.NewLabel();
        _code.JumpIf(R1, Equal, (int)OffloadAction.End, _end);
        _code.JumpIf(R1, Greater, (int)OffloadAction.InPort, other);
        _code.Load(Bytes8, R2, R10, Slot);
        _code.JumpIf(R1, NotEqual, (int)OffloadAction.InPort, elsewhere);
        _code.Move(R7, R2);
        _code.Jump(to);
        _code.Mark(elsewhere);
        _code.JumpIf(R7, NotEqual, R2, to);
        _code.JumpIf(R1, Equal, (int)OffloadAction.Flood, _next);
        Increase(IngressCounts, PortCounts.ToIngressOffset);
        _code.Jump(_next);

        _code.Mark(to);
        _code.Do(And, R7, OffloadLayout.MostPorts - 1);
        _code.Store(Bytes8, R10, Scratch, R7);
        _code.Do(ShiftLeft, R7, OffloadLayout.LineBits);
        LoadPort();
        _code.JumpIf(R5, NotEqual, 0, linked);
        CountNotSent(PortCounts.NoLinkOffset);

        _code.Mark(linked);
        _code.Load(Bytes4, R1, R6, SegmentSize);
        _code.JumpIf(R1, NotEqual, 0, segment);
        _code.Load(Bytes4, R2, R6, Length);
        _code.Load(Bytes4, R1, R4, PortLine.MtuOffset);
        _code.Do(Add, R1, KeyProgram.Network);
        _code.JumpIf(R2, LessOrEqual, R1, fits);
        _code.Mark(tooLong);
        CountNotSent(PortCounts.TooLongOffset);
        _code.Mark(segment);
        _code.Move(R1, 0);
        _code.Store(Bytes4, R10, Longest, R1);
        _code.Move(R1, R6);
        _code.Move(R2, R5);
        _code.LoadStackAddress(R3, Longest);
        _code.Move(R4, 0);
        _code.Move(R5, BPF_MTU_CHK_SEGS);
        _code.Call(BpfFunction.BPF_FUNC_check_mtu);
        _code.JumpIf(R0, NotEqual, 0, tooLong);

        _code.Mark(fits);
        _code.Load(Bytes1, R1, R9, 1);
        _code.JumpIf(R1, Equal, 0, clone);
        CountSent();
        LoadPort();
        _code.Move(R1, R5);
        _code.Move(R2, 0);
        _code.Call(BpfFunction.BPF_FUNC_redirect);
        CountIngress();
        _code.Jump(_leave);

        _code.Mark(clone);
        LoadPort();
        _code.Move(R1, R6);
        _code.Move(R2, R5);
        _code.Move(R3, 0);
        _code.Call(BpfFunction.BPF_FUNC_clone_redirect);
        _code.JumpIf(R0, SignedLess, 0, noClone);
        CountSent();
        _code.Jump(_next);
        _code.Mark(noClone);
        Increase(IngressCounts, PortCounts.FailedOffset);
        _code.Jump(_next);
        _code.Mark(other);
    }

    /// <summary>R4 becomes the line of the port whose place in bytes is R7, R5 its interface.</summary>
    private void LoadPort()
    {
        _code.LoadAddress(R4, _state, _layout.Ports);
        _code.Do(Add, R4, R7);
        _code.Load(Bytes4, R5, R4, PortLine.OutputOffset);
    }

    /// <summary>The packet went towards the port whose number is in the scratch, and was sent.</summary>
    private void CountSent()
    {
        BpfLabel untagged = _code.NewLabel();
        CountTowardsPort();
        _code.Load(Bytes4, R2, R6, Length);
        _code.Load(Bytes4, R1, R6, VlanPresent);
        _code.JumpIf(R1, Equal, 0, untagged);
        _code.Do(Add, R2, 4);
        _code.Mark(untagged);
        _code.Increase(R3, PortCounts.PacketsOutOffset);
        _code.Increase(R3, PortCounts.BytesOutOffset, R2);
    }

    /// <summary>It went towards that port, and ended there; the next action follows.</summary>
    private void CountNotSent(int reason)
    {
        CountTowardsPort();
        _code.Increase(R3, reason);
        _code.Jump(_next);
    }

    private void CountTowardsPort()
    {
        _code.Load(Bytes8, R1, R10, LeftCount);
        _code.Do(Add, R1, 1);
        _code.Store(Bytes8, R10, LeftCount, R1);
        LoadCounts(_code, _layout, _state, R3, Scratch);
    }

    /// <summary>Counts the packet at its port of ingress, last of all; R0 stays.</summary>
    private void CountIngress()
    {
        _code.Load(Bytes8, R2, R10, IngressCounts);
        Add(PortCounts.LeftOffset, LeftCount);
        Add(PortCounts.BytesInOffset, FrameLength);
        _code.Increase(R2, PortCounts.PacketsInOffset);

        void Add(int count, int by)
        {
            _code.Load(Bytes8, R1, R2, count);
            _code.Load(Bytes8, R3, R10, by);
            _code.Do(BpfOperation.Add, R1, R3);
            _code.Store(Bytes8, R2, count, R1);
        }
    }

    /// <summary>Adds one to a count of the port whose counts' address is on the stack.</summary>
    private void Increase(int address, int offset)
    {
        _code.Load(Bytes8, R2, R10, address);
        _code.Increase(R2, offset);
    }
}
