using Softswitch.Datapath.Flows;
using Softswitch.Ports.Linux.Ebpf;
using static Softswitch.Ports.Linux.Ebpf.BpfCondition;
using static Softswitch.Ports.Linux.Ebpf.BpfOperation;
using static Softswitch.Ports.Linux.Ebpf.BpfRegister;
using static Softswitch.Ports.Linux.Ebpf.BpfWidth;

namespace Softswitch.Ports.KernelOffload;

/// <summary>Writes the program that looks up what a port's interface receives, and treats it as its flow entry says or gives it to the software.</summary>
/// <remarks>
/// <para>
/// In the order in which it is written: through the gate, the port of the interface, the key, the entry without wildcards of this key or the
/// best of those with some, its actions, and out through the gate. Each way ends in <see cref="Leave"/>, with the verdict in R0.
/// </para>
/// <para>
/// The gate: the program counts when it begins and when it ends. Whoever changed a table waits until each processor has left as often as it had
/// entered by then; no program that saw the old table runs any more. A packet that was redirected meanwhile is on its way, as in any card's
/// queue.
/// </para>
/// <para>
/// R6 is the packet's context, R8 the processor's <see cref="ProcessorLine"/>. R7 is the ingress port's <see cref="PortLine"/>, then the
/// mask that is tried, then what an action needs. R9 is the entry, then the action.
/// </para>
/// </remarks>
internal sealed class OffloadProgram
{
    // struct __sk_buff
    internal const int Length = 0;
    internal const int VlanPresent = 20;
    internal const int VlanTci = 24;
    internal const int VlanProtocol = 28;
    internal const int InterfaceIndex = 40;
    internal const int SegmentSize = 176;

    // The stack. A key is where the packet's first bytes were: they are two more.
    internal const int Key = -48;
    internal const int FrameLength = -104; // with the tag
    internal const int Slot = -112;
    internal const int Processor = -120; // its number by the bytes of a line
    internal const int Counter = -128;
    internal const int LeftCount = -136;
    internal const int Scratch = -144;
    internal const int IngressCounts = -152;
    private const int Masked = -88;
    private const int Table = -160;
    private const int HitKind = -168;
    private const int Index = -176;
    private const int Chunk = -180;
    private const int Entries = -192; // the table in which they are found

    private const int TCX_NEXT = -1;
    private const int TCX_DROP = 2;

    private readonly BpfAssembler _code = new();
    private readonly OffloadLayout _layout;
    private readonly OffloadMaps _maps;
    private readonly BpfLabel _punt;
    private readonly BpfLabel _drop;
    private readonly BpfLabel _leave;

    private OffloadProgram(OffloadLayout layout, in OffloadMaps maps)
    {
        _layout = layout;
        _maps = maps;
        _punt = _code.NewLabel();
        _drop = _code.NewLabel();
        _leave = _code.NewLabel();
    }

    public static BpfInstruction[] Assemble(OffloadLayout layout, in OffloadMaps maps) => new OffloadProgram(layout, maps).Write();

    private BpfInstruction[] Write()
    {
        Enter();
        FindPort();
        new KeyProgram(_code, _punt).Write();
        FindEntry();
        Count();
        new ActionProgram(_code, _layout, _maps.State, _drop, _leave).Write();
        Leave();
        return _code.Complete();
    }

    private void Enter()
    {
        BpfLabel known = _code.NewLabel();
        _code.Move(R6, R1);
        _code.Call(BpfFunction.BPF_FUNC_get_smp_processor_id);
        _code.JumpIf(R0, Less, _layout.Processors, known);
        _code.Move(R0, TCX_DROP); // a processor that came later; no gate would wait for it
        _code.Exit();
        _code.Mark(known);
        _code.Do(ShiftLeft, R0, OffloadLayout.LineBits);
        _code.Store(Bytes8, R10, Processor, R0);
        _code.LoadAddress(R8, _maps.State, 0);
        _code.Do(Add, R8, R0);
        _code.Move(R1, 1);
        _code.FetchAdd(R8, ProcessorLine.EnteredOffset, R1);
    }

    /// <summary>R7 becomes the port's line.</summary>
    private void FindPort()
    {
        BpfLabel port = _code.NewLabel();
        _code.Load(Bytes4, R1, R6, InterfaceIndex);
        _code.Store(Bytes4, R10, Scratch, R1);
        Lookup(_maps.Devices, Scratch);
        _code.JumpIf(R0, NotEqual, 0, port);
        _code.Move(R0, TCX_NEXT); // no port yet, or no more
        _code.Jump(_leave);
        _code.Mark(port);
        _code.Load(Bytes4, R7, R0, 0);
        _code.Do(And, R7, OffloadLayout.MostPorts - 1);
        _code.Store(Bytes8, R10, Slot, R7);
        _code.Do(ShiftLeft, R7, OffloadLayout.LineBits);
        _code.LoadAddress(R1, _maps.State, _layout.Ports);
        _code.Do(Add, R1, R7);
        _code.Move(R7, R1);
        _code.Load(Bytes4, R1, R7, PortLine.ServesOffset);
        _code.JumpIf(R1, Equal, 0, _punt);
    }

    /// <summary>R9 becomes the entry's element.</summary>
    private void FindEntry()
    {
        BpfLabel found = _code.NewLabel();
        BpfLabel wildcard = _code.NewLabel();
        _code.Move(R1, 0);
        _code.Store(Bytes4, R10, Index, R1);
        Lookup(_maps.Lookup, Index);
        _code.JumpIf(R0, Equal, 0, _punt); // no entries yet
        _code.Store(Bytes8, R10, Entries, R0);
        _code.Move(R1, 0);
        _code.Store(Bytes8, R10, Key + LookupKey.MaskOffset, R1);
        FindBy(Key);
        _code.JumpIf(R0, Equal, 0, wildcard);
        _code.Move(R9, R0);
        _code.Move(R1, ProcessorLine.ExactHitsOffset);
        _code.Jump(found);
        _code.Mark(wildcard);
        TryMasks();
        _code.Move(R1, ProcessorLine.WildcardHitsOffset);
        _code.Mark(found);
        _code.Store(Bytes8, R10, HitKind, R1);
        _code.Load(Bytes8, R1, R9, 0);
        FindElement(_maps.Entries, _layout.EntryChunkBits);
        _code.Move(R9, R0);
    }

    /// <summary>R9 becomes the best entry with wildcards.</summary>
    private void TryMasks()
    {
        BpfLabel next = _code.NewLabel();
        BpfLabel attempt = _code.NewLabel();
        BpfLabel take = _code.NewLabel();
        BpfLabel done = _code.NewLabel();
        _code.LoadAddress(R1, _maps.State, _layout.Head);
        _code.Load(Bytes4, R2, R1, HeadLine.MaskTableOffset);
        _code.Do(And, R2, 1);
        _code.Do(ShiftLeft, R2, OffloadLayout.MaskTableBits);
        _code.LoadAddress(R7, _maps.State, _layout.MaskTables);
        _code.Do(Add, R7, R2);
        _code.Store(Bytes8, R10, Table, R7);
        _code.Move(R9, 0);
        _code.Move(R1, 0);
        _code.Store(Bytes8, R10, Counter, R1);

        _code.Mark(next);
        _code.Load(Bytes8, R1, R10, Counter);
        _code.JumpIf(R1, GreaterOrEqual, OffloadLayout.MostMasks, done); // for the verifier
        _code.Load(Bytes8, R2, R10, Table);
        _code.Load(Bytes8, R2, R2, MaskTableHead.CountOffset);
        _code.JumpIf(R1, GreaterOrEqual, R2, done);
        _code.Do(Add, R1, 1);
        _code.Store(Bytes8, R10, Counter, R1);
        _code.Do(Add, R7, OffloadLayout.Line);
        _code.JumpIf(R9, Equal, 0, attempt);
        _code.Load(Bytes8, R1, R9, LookupValue.RankOffset);
        _code.Load(Bytes8, R2, R7, MaskLine.HighestOffset);
        _code.JumpIf(R1, GreaterOrEqual, R2, done); // none of those that are left ranks higher
        _code.Mark(attempt);
        for (int word = 0; word < FlowKey.Size; word += sizeof(ulong))
        {
            _code.Load(Bytes8, R1, R10, Key + word);
            _code.Load(Bytes8, R2, R7, word);
            _code.Do(And, R1, R2);
            _code.Store(Bytes8, R10, Masked + word, R1);
        }
        _code.Load(Bytes4, R1, R7, MaskLine.IdOffset);
        _code.Store(Bytes8, R10, Masked + LookupKey.MaskOffset, R1);
        FindBy(Masked);
        _code.JumpIf(R0, Equal, 0, next);
        _code.JumpIf(R9, Equal, 0, take);
        _code.Load(Bytes8, R1, R0, LookupValue.RankOffset);
        _code.Load(Bytes8, R2, R9, LookupValue.RankOffset);
        _code.JumpIf(R1, LessOrEqual, R2, next);
        _code.Mark(take);
        _code.Move(R9, R0);
        _code.Jump(next);

        _code.Mark(done);
        _code.JumpIf(R9, Equal, 0, _punt);
        _code.Load(Bytes8, R1, R9, LookupValue.RankOffset);
        _code.Load(Bytes8, R2, R10, Table);
        _code.Load(Bytes8, R2, R2, MaskTableHead.FloorOffset);
        _code.JumpIf(R1, LessOrEqual, R2, _punt);
    }

    /// <summary>R0 becomes the element of a chunked array whose number is in R1.</summary>
    private void FindElement(int chunks, int chunkBits)
    {
        _code.Move(R2, R1);
        _code.Do(And, R2, (1 << chunkBits) - 1);
        _code.Store(Bytes4, R10, Index, R2);
        _code.Do(ShiftRight, R1, chunkBits);
        _code.Store(Bytes4, R10, Chunk, R1);
        Lookup(chunks, Chunk);
        _code.JumpIf(R0, Equal, 0, _punt);
        _code.Move(R1, R0);
        _code.LoadStackAddress(R2, Index);
        _code.Call(BpfFunction.BPF_FUNC_map_lookup_elem);
        _code.JumpIf(R0, Equal, 0, _punt);
    }

    /// <summary>Unless the entry's packets go to the software: counts the packet, and R9 becomes the entry's record.</summary>
    private void Count()
    {
        _code.Load(Bytes8, R1, R9, 0);
        _code.JumpIf(R1, Equal, 0, _punt);
        _code.Do(Subtract, R1, 1);
        FindElement(_maps.Records, OffloadLayout.RecordChunkBits);
        _code.Move(R7, R0);

        _code.Load(Bytes8, R1, R10, Processor);
        _code.Do(Add, R9, R1);
        _code.Load(Bytes8, R3, R10, FrameLength);
        _code.Increase(R9, OffloadLayout.Line + EntryCounts.PacketsOffset);
        _code.Increase(R9, OffloadLayout.Line + EntryCounts.BytesOffset, R3);
        _code.LoadAddress(R1, _maps.State, _layout.Head);
        _code.Load(Bytes4, R1, R1, HeadLine.TickOffset);
        _code.Store(Bytes4, R9, OffloadLayout.Line + EntryCounts.TickOffset, R1);

        _code.Load(Bytes8, R1, R10, HitKind);
        _code.Move(R2, R8);
        _code.Do(Add, R2, R1);
        _code.Increase(R2, 0);

        ActionProgram.LoadCounts(_code, _layout, _maps.State, R4, Slot);
        _code.Store(Bytes8, R10, IngressCounts, R4);
        _code.Move(R9, R7);
    }

    private void Leave()
    {
        _code.Mark(_punt);
        _code.Load(Bytes8, R1, R10, Slot);
        _code.Do(ShiftLeft, R1, OffloadLayout.LineBits);
        _code.LoadAddress(R2, _maps.State, _layout.Ports);
        _code.Do(Add, R2, R1);
        _code.Load(Bytes4, R1, R2, PortLine.PuntOffset);
        _code.JumpIf(R1, Equal, 0, _drop);
        _code.Move(R2, 0);
        _code.Call(BpfFunction.BPF_FUNC_redirect);
        _code.Jump(_leave);

        _code.Mark(_drop);
        _code.Move(R0, TCX_DROP);

        _code.Mark(_leave);
        _code.Move(R1, 1);
        _code.FetchAdd(R8, ProcessorLine.LeftOffset, R1); // all that was counted is seen before
        _code.Exit();
    }

    /// <summary>R0 becomes the <see cref="LookupValue"/> of a key on the stack; 0 if there is none.</summary>
    private void FindBy(int key)
    {
        _code.Load(Bytes8, R1, R10, Entries);
        _code.LoadStackAddress(R2, key);
        _code.Call(BpfFunction.BPF_FUNC_map_lookup_elem);
    }

    private void Lookup(int map, int key)
    {
        _code.LoadMap(R1, map);
        _code.LoadStackAddress(R2, key);
        _code.Call(BpfFunction.BPF_FUNC_map_lookup_elem);
    }
}

/// <summary>The descriptors of the maps that the program uses.</summary>
/// <param name="State">Memory of <see cref="OffloadLayout.StateBytes"/>.</param>
/// <param name="Devices">Hash of an interface's index to its port's place in the layout, 4 bytes each.</param>
/// <param name="Lookup">Array whose element is a hash of <see cref="LookupKey"/> to <see cref="LookupValue"/>.</param>
/// <param name="Entries">Chunks of <see cref="OffloadLayout.EntryBytes"/>.</param>
/// <param name="Records">Chunks of <see cref="OffloadLayout.RecordBytes"/>.</param>
internal readonly record struct OffloadMaps(int State, int Devices, int Lookup, int Entries, int Records);
