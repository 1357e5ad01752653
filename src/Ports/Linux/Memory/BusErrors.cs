using System.Runtime.InteropServices;

namespace Softswitch.Ports.Linux.Memory;

/// <summary>Handles SIGBUS: a thread touched a part of a mapping whose file was cut short.</summary>
/// <remarks>
/// The runtime ends the process on such a signal, and managed code cannot run in the handler. So the handler is a few instructions of our own. It looks for
/// the address in a table of mappings, puts anonymous memory in the place of the whole mapping, notes that, and returns: the instruction is
/// tried again and goes on. Nothing is called but mmap(2). An address that is not in the table goes to the handler that was there before, the runtime's.
/// Threads: any; the table's entries are changed under a lock, and the handler reads them without one, which is right as long as the touched mapping
/// stays: a thread that touches a mapping must keep it from being disposed anyway.
/// On other machines than x86-64 and Arm64 there is no handler.
/// </remarks>
internal static unsafe class BusErrors
{
    /// <summary>One more than there can be mappings at once, in the process.</summary>
    public const int MaxRanges = 1024;

    private const int SIGBUS = 7;
    private const int MAP_NORESERVE = 0x4000;
    private const int Protection = Libc.PROT_READ | Libc.PROT_WRITE;
    private const int Flags = Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_FIXED | MAP_NORESERVE;

    private static readonly Lock Changing = new();
    private static Range* _table; // the first is no mapping: its IsTorn says that some mapping's is set

    /// <summary>One mapping, as the handler reads it.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 32)]
    public struct Range
    {
        public byte* Start;
        public byte* End;
        public int IsTorn;
    }

    /// <summary>Whether any mapping was torn since the process began. Cheap: to be asked before the mappings are. After the first <see cref="Add"/>.</summary>
    public static bool IsAnyTorn => Volatile.Read(ref _table->IsTorn) != 0;

    /// <summary>The mapping is looked after from now on.</summary>
    /// <returns>Null if there are too many.</returns>
    public static Range* Add(byte* start, nuint bytes)
    {
        lock (Changing)
        {
            if (_table == null)
            {
                Install();
            }
            for (Range* range = _table + 1; range < _table + MaxRanges; range++)
            {
                if (range->End == null)
                {
                    range->IsTorn = 0;
                    range->Start = start;
                    Volatile.Write(ref *(nint*)&range->End, (nint)(start + bytes));
                    return range;
                }
            }
            return null;
        }
    }

    /// <summary>Before the mapping goes.</summary>
    public static void Remove(Range* range)
    {
        lock (Changing)
        {
            range->End = null; // below it is no address
        }
    }

    private static void Install()
    {
        _table = (Range*)NativeMemory.AllocZeroed(MaxRanges, (nuint)sizeof(Range));
        if (RuntimeInformation.ProcessArchitecture is not (Architecture.X64 or Architecture.Arm64))
        {
            return;
        }
        SignalAction before;
        if (Libc.sigaction(SIGBUS, null, &before) != 0)
        {
            throw SystemCallException.Last("sigaction(SIGBUS)");
        }
        byte[] code = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? X64((nint)_table, before.Handler) : Arm64((nint)_table, before.Handler);
        void* page = Libc.mmap(null, (nuint)Environment.SystemPageSize, Protection, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS, -1, 0);
        if ((nint)page == -1)
        {
            throw SystemCallException.Last("mmap");
        }
        code.CopyTo(new Span<byte>(page, code.Length));
        const int PROT_EXEC = 4;
        if (Libc.mprotect(page, (nuint)Environment.SystemPageSize, Libc.PROT_READ | PROT_EXEC) != 0)
        {
            throw SystemCallException.Last("mprotect(PROT_EXEC)");
        }
        SignalAction ours = before; // the same stack and mask
        ours.Handler = (nint)page;
        if (Libc.sigaction(SIGBUS, &ours, null) != 0)
        {
            throw SystemCallException.Last("sigaction(SIGBUS)");
        }
    }

    /// <summary>handler(rdi: signal, rsi: siginfo_t, rdx: context).</summary>
    private static byte[] X64(nint table, nint before) =>
    [
        0x83, 0x7e, 0x08, 0x00, // cmp dword [rsi + 8], 0        si_code: not from the kernel?
        0x7e, 0x26, // jle before
        0x48, 0x8b, 0x46, 0x10, // mov rax, [rsi + 16]           si_addr
        0x49, 0xb8, .. Bytes(table), // mov r8, table
        0xb9, .. Bytes(MaxRanges), // mov ecx, MaxRanges
        0x49, 0x3b, 0x00, // next: cmp rax, [r8]
        0x72, 0x06, // jb not here
        0x49, 0x3b, 0x40, 0x08, // cmp rax, [r8 + 8]
        0x72, 0x14, // jb here
        0x49, 0x83, 0xc0, 0x20, // not here: add r8, 32
        0xff, 0xc9, // dec ecx
        0x75, 0xed, // jnz next
        0x48, 0xb8, .. Bytes(before), // before: mov rax, before
        0xff, 0xe0, // jmp rax
        0x41, 0xc7, 0x40, 0x10, 0x01, 0x00, 0x00, 0x00, // here: mov dword [r8 + 16], 1
        0x48, 0xb8, .. Bytes(table), // mov rax, table
        0xc7, 0x40, 0x10, 0x01, 0x00, 0x00, 0x00, // mov dword [rax + 16], 1
        0x57, // push rdi
        0x56, // push rsi
        0x52, // push rdx
        0x49, 0x8b, 0x38, // mov rdi, [r8]
        0x49, 0x8b, 0x70, 0x08, // mov rsi, [r8 + 8]
        0x48, 0x29, 0xfe, // sub rsi, rdi
        0xba, .. Bytes(Protection), // mov edx, protection
        0x41, 0xba, .. Bytes(Flags), // mov r10d, flags
        0x49, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff, // mov r8, -1
        0x45, 0x31, 0xc9, // xor r9d, r9d
        0xb8, 0x09, 0x00, 0x00, 0x00, // mov eax, __NR_mmap
        0x0f, 0x05, // syscall
        0x5a, // pop rdx
        0x5e, // pop rsi
        0x5f, // pop rdi
        0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff, // cmp rax, -4096
        0x77, 0xa7, // ja before
        0xc3, // ret
    ];

    /// <summary>handler(x0: signal, x1: siginfo_t, x2: context). The kernel shows a page that becomes executable to the instruction cache.</summary>
    private static byte[] Arm64(nint table, nint before)
    {
        ReadOnlySpan<uint> code =
        [
            0xb9400829, // ldr w9, [x1, #8]                      si_code: not from the kernel?
            0x7100013f, // cmp w9, #0
            0x5400018d, // b.le before
            0xf9400829, // ldr x9, [x1, #16]                     si_addr
            0x5800044a, // ldr x10, table
            0x5280800b, // mov w11, #MaxRanges
            0xa940354c, // next: ldp x12, x13, [x10]
            0xeb0c013f, // cmp x9, x12
            0x54000063, // b.lo not here
            0xeb0d013f, // cmp x9, x13
            0x540000c3, // b.lo here
            0x9100814a, // not here: add x10, x10, #32
            0x7100056b, // subs w11, w11, #1
            0x54ffff21, // b.ne next
            0x58000349, // before: ldr x9, before
            0xd61f0120, // br x9
            0x5280002b, // here: mov w11, #1
            0xb900114b, // str w11, [x10, #16]
            0x58000289, // ldr x9, table
            0xb900112b, // str w11, [x9, #16]
            0xaa0003ee, // mov x14, x0
            0xaa0103ef, // mov x15, x1
            0xaa0203f0, // mov x16, x2
            0xaa0c03e0, // mov x0, x12
            0xcb0c01a1, // sub x1, x13, x12
            0xd2800062, // mov x2, #protection
            0xd2880643, // mov x3, #flags
            0x92800004, // mov x4, #-1
            0xd2800005, // mov x5, #0
            0xd2801bc8, // mov x8, #__NR_mmap
            0xd4000001, // svc #0
            0xb140041f, // cmn x0, #4096
            0xaa0e03e0, // mov x0, x14
            0xaa0f03e1, // mov x1, x15
            0xaa1003e2, // mov x2, x16
            0x54fffd68, // b.hi before
            0xd65f03c0, // ret
            0xd503201f, // nop
        ];
        return [.. MemoryMarshal.AsBytes(code), .. Bytes(table), .. Bytes(before)];
    }

    private static byte[] Bytes(nint value) => BitConverter.GetBytes((long)value);

    private static byte[] Bytes(int value) => BitConverter.GetBytes(value);
}
