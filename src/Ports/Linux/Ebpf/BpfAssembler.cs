namespace Softswitch.Ports.Linux.Ebpf;

/// <summary>R0 holds results, R1 to R5 arguments, which a call destroys; R6 to R9 survive calls; R10 is the end of the stack.</summary>
internal enum BpfRegister : byte
{
    R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10,
}

/// <summary>BPF_SIZE of a load or store.</summary>
internal enum BpfWidth : byte
{
    Bytes4 = 0x00,
    Bytes2 = 0x08,
    Bytes1 = 0x10,
    Bytes8 = 0x18,
}

/// <summary>BPF_OP of arithmetic on 64 bits without sign.</summary>
internal enum BpfOperation : byte
{
    Add = 0x00,
    Subtract = 0x10,
    Multiply = 0x20,
    Or = 0x40,
    And = 0x50,
    Xor = 0xa0,
    ShiftLeft = 0x60,
    ShiftRight = 0x70,
    Modulo = 0x90,
    Move = 0xb0,
}

/// <summary>BPF_OP of a jump; comparisons are of 64 bits, without sign unless it is named.</summary>
internal enum BpfCondition : byte
{
    Equal = 0x10,
    Greater = 0x20,
    GreaterOrEqual = 0x30,
    NotEqual = 0x50,
    Less = 0xa0,
    LessOrEqual = 0xb0,
    SignedLess = 0xc0,
}

/// <summary>Helper functions of the kernel, by number (enum bpf_func_id).</summary>
internal enum BpfFunction
{
    BPF_FUNC_map_lookup_elem = 1,
    BPF_FUNC_ktime_get_ns = 5,
    BPF_FUNC_get_smp_processor_id = 8,
    BPF_FUNC_skb_store_bytes = 9,
    BPF_FUNC_l3_csum_replace = 10,
    BPF_FUNC_l4_csum_replace = 11,
    BPF_FUNC_clone_redirect = 13,
    BPF_FUNC_skb_vlan_push = 18,
    BPF_FUNC_skb_vlan_pop = 19,
    BPF_FUNC_redirect = 23,
    BPF_FUNC_skb_load_bytes = 26,
    BPF_FUNC_skb_change_tail = 38,
    BPF_FUNC_check_mtu = 163,
}

/// <summary>A place in a program to jump to.</summary>
internal readonly record struct BpfLabel(int Number);

/// <summary>Writes a BPF program down instruction by instruction (Documentation/bpf/standardization/instruction-set.rst); jumps go to labels.</summary>
internal sealed class BpfAssembler
{
    private const byte ClassLoadImmediate = 0x00;
    private const byte ClassLoad = 0x61; // with BPF_MEM
    private const byte ClassStore = 0x63; // with BPF_MEM, from a register
    private const byte ClassAtomic = 0xc3; // with BPF_ATOMIC
    private const byte ClassArithmetic32 = 0x04;
    private const byte ClassArithmetic = 0x07;
    private const byte ClassJump = 0x05;
    private const byte FromRegister = 0x08;
    private const byte PseudoMap = 1; // BPF_PSEUDO_MAP_FD
    private const byte PseudoMapValue = 2; // BPF_PSEUDO_MAP_VALUE

    private readonly List<BpfInstruction> _code = [];
    private readonly List<int> _labels = [];
    private readonly List<(int Instruction, BpfLabel Target)> _jumps = [];

    public BpfLabel NewLabel()
    {
        _labels.Add(-1);
        return new BpfLabel(_labels.Count - 1);
    }

    /// <summary>The label stands before the next instruction.</summary>
    public void Mark(BpfLabel label) => _labels[label.Number] = _code.Count;

    public void Move(BpfRegister to, BpfRegister from) => Do(BpfOperation.Move, to, from);

    public void Move(BpfRegister to, int value) => Do(BpfOperation.Move, to, value);

    public void Do(BpfOperation operation, BpfRegister to, BpfRegister operand) =>
        Add((byte)(ClassArithmetic | (byte)operation | FromRegister), to, operand, 0, 0);

    /// <param name="operand">Extended to 64 bits with its sign.</param>
    public void Do(BpfOperation operation, BpfRegister to, int operand) => Add((byte)(ClassArithmetic | (byte)operation), to, default, 0, operand);

    /// <summary>The lower 16 bits in network byte order; the others become 0.</summary>
    public void ToNetworkOrder16(BpfRegister register) => Add(ClassArithmetic32 | 0xd0 | 0x08, register, default, 0, 16); // BPF_END | BPF_TO_BE

    public void Load(BpfWidth width, BpfRegister to, BpfRegister address, int offset) =>
        Add((byte)(ClassLoad | (byte)width), to, address, offset, 0);

    public void Store(BpfWidth width, BpfRegister address, int offset, BpfRegister from) =>
        Add((byte)(ClassStore | (byte)width), address, from, offset, 0);

    /// <summary>Adds to a word of eight bytes, with the processor's full barrier; the register becomes what the word was.</summary>
    public void FetchAdd(BpfRegister address, int offset, BpfRegister addend) =>
        Add(ClassAtomic | (byte)BpfWidth.Bytes8, address, addend, offset, 0x01); // BPF_ADD | BPF_FETCH

    /// <summary>The address of a byte of a map of one element.</summary>
    public void LoadAddress(BpfRegister to, int map, int offset) => LoadWide(to, PseudoMapValue, map, offset);

    /// <summary>The address of a byte of the stack.</summary>
    /// <param name="offset">From its end; negative.</param>
    public void LoadStackAddress(BpfRegister to, int offset)
    {
        Move(to, BpfRegister.R10);
        Do(BpfOperation.Add, to, offset);
    }

    /// <summary>Adds to a word of eight bytes that no other processor writes; R1 is destroyed.</summary>
    public void Increase(BpfRegister address, int offset, int by = 1)
    {
        Load(BpfWidth.Bytes8, BpfRegister.R1, address, offset);
        Do(BpfOperation.Add, BpfRegister.R1, by);
        Store(BpfWidth.Bytes8, address, offset, BpfRegister.R1);
    }

    /// <summary>As above.</summary>
    public void Increase(BpfRegister address, int offset, BpfRegister by)
    {
        Load(BpfWidth.Bytes8, BpfRegister.R1, address, offset);
        Do(BpfOperation.Add, BpfRegister.R1, by);
        Store(BpfWidth.Bytes8, address, offset, BpfRegister.R1);
    }

    /// <summary>A map, for a helper.</summary>
    public void LoadMap(BpfRegister to, int map) => LoadWide(to, PseudoMap, map, 0);

    public void Jump(BpfLabel target) => AddJump(ClassJump, default, default, 0, target);

    public void JumpIf(BpfRegister left, BpfCondition condition, BpfRegister right, BpfLabel target) =>
        AddJump((byte)(ClassJump | (byte)condition | FromRegister), left, right, 0, target);

    public void JumpIf(BpfRegister left, BpfCondition condition, int right, BpfLabel target) =>
        AddJump((byte)(ClassJump | (byte)condition), left, default, right, target);

    public void Call(BpfFunction function) => Add(ClassJump | 0x80, default, default, 0, (int)function);

    public void Exit() => Add(ClassJump | 0x90, default, default, 0, 0);

    /// <summary>The program, its jumps filled in.</summary>
    /// <exception cref="InvalidOperationException">A label that is jumped to was not marked.</exception>
    public BpfInstruction[] Complete()
    {
        BpfInstruction[] program = [.. _code];
        foreach ((int instruction, BpfLabel target) in _jumps)
        {
            int place = _labels[target.Number];
            program[instruction] = place >= 0
                ? program[instruction] with { Offset = (short)(place - instruction - 1) }
                : throw new InvalidOperationException($"label {target.Number} is not marked");
        }
        return program;
    }

    private void LoadWide(BpfRegister to, byte source, int map, int offset)
    {
        Add(ClassLoadImmediate | (byte)BpfWidth.Bytes8, to, (BpfRegister)source, 0, map);
        Add(0, default, default, 0, offset);
    }

    private void AddJump(byte code, BpfRegister left, BpfRegister right, int immediate, BpfLabel target)
    {
        _jumps.Add((_code.Count, target));
        Add(code, left, right, 0, immediate);
    }

    private void Add(byte code, BpfRegister destination, BpfRegister source, int offset, int immediate) =>
        _code.Add(new BpfInstruction(code, (byte)((byte)destination | ((byte)source << 4)), checked((short)offset), immediate));
}
