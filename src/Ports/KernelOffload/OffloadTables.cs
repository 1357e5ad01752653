using System.Globalization;
using System.Runtime.InteropServices;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Ebpf;

namespace Softswitch.Ports.KernelOffload;

/// <summary>The tables of one switch in the kernel, and the program that looks packets up there.</summary>
/// <remarks>
/// Links to interfaces end with their descriptors, and these with the process: nothing is left behind. Threads: one at a time, but for
/// <see cref="ReadCounts"/>.
/// </remarks>
internal sealed unsafe class OffloadTables : IDisposable
{
    private const int MostDevices = OffloadLayout.MostPorts;

    // Entries that the program can find.
    private const long MostFound = 1 << 20;

    private const int LookingMilliseconds = 20;
    private const int MEMBARRIER_CMD_GLOBAL = 1;

    // __NR_membarrier
    private static readonly nint Membarrier = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 283 : 324;

    private readonly BpfMemory _state;
    private readonly ChunkedMemory _entries;
    private readonly ChunkedMemory _records;
    private readonly int _devices;
    private readonly GrowingHash<LookupKey, LookupValue> _lookup;
    private readonly int _program;

    /// <param name="mostFlows">The highest number an entry can have.</param>
    /// <exception cref="SystemCallException">The kernel cannot do it, or rights are missing.</exception>
    public OffloadTables(long mostFlows)
    {
        Layout = new OffloadLayout(CountProcessors());
        (_devices, _program) = (-1, -1);
        try
        {
            _state = new BpfMemory(Layout.StateBytes);
            _entries = new ChunkedMemory(Layout.EntryBytes, Layout.EntryChunkBits, mostFlows + 1);
            _records = new ChunkedMemory(OffloadLayout.RecordBytes, OffloadLayout.RecordChunkBits, mostFlows + 1);
            _devices = Check(Bpf.CreateHash(sizeof(uint), sizeof(uint), MostDevices), "BPF_MAP_CREATE");
            _lookup = new GrowingHash<LookupKey, LookupValue>((uint)Math.Min(mostFlows, MostFound));
            _program = Load();
            Head->Tick = 1; // TickClock's first
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public OffloadLayout Layout { get; }

    public HeadLine* Head => (HeadLine*)(_state.Start + Layout.Head);

    public ProcessorLine* Processor(int processor) => (ProcessorLine*)(_state.Start + (processor * OffloadLayout.Line));

    /// <summary>One of the two tables of masks.</summary>
    public MaskTableHead* MaskTable(uint which) => (MaskTableHead*)(_state.Start + Layout.MaskTables + (which * OffloadLayout.MaskTableBytes));

    public PortLine* Port(int slot) => (PortLine*)(_state.Start + Layout.Ports + (slot * PortLine.Size));

    /// <summary>An entry's first word: 0 if its packets go to the software, else one more than the number of its record. Null without memory for it.</summary>
    public ulong* Entry(uint id) => (ulong*)_entries.Get(id);

    public EntryCounts* CountsOf(uint id, int processor) => (EntryCounts*)(_entries.Get(id) + OffloadLayout.Line + (processor * OffloadLayout.Line));

    /// <summary>A record; null without memory for it.</summary>
    public ulong* Record(uint number) => (ulong*)_records.Get(number);

    /// <summary>What was counted of a port on all processors.</summary>
    public PortCounts ReadCounts(int slot)
    {
        PortCounts sum = default;
        for (int processor = 0; processor < Layout.Processors; processor++)
        {
            sum.Add(*(PortCounts*)(_state.Start + Layout.Counts + (slot * Layout.CountsOfPort) + (processor * PortCounts.Size)));
        }
        return sum;
    }

    /// <summary>No program uses the port any more, or none that counts.</summary>
    public void ClearCounts(int slot) => new Span<byte>(_state.Start + Layout.Counts + (slot * Layout.CountsOfPort), Layout.CountsOfPort).Clear();

    public bool TryInsert(in LookupKey key, in LookupValue value) => _lookup.TryInsert(key, value);

    /// <summary>The next insertion has to wait for <see cref="WaitForPrograms"/>.</summary>
    public void Delete(in LookupKey key) => _lookup.Delete(key);

    /// <summary>Has the program treat what an interface receives as come in by a port.</summary>
    /// <returns>The link, which ends with its descriptor.</returns>
    /// <exception cref="SystemCallException">The kernel refuses.</exception>
    public int Link(int interfaceIndex, uint slot)
    {
        Check(Bpf.Insert(_devices, (uint)interfaceIndex, slot), "BPF_MAP_UPDATE_ELEM");
        int link = Bpf.LinkIngress(_program, interfaceIndex);
        if (link >= 0)
        {
            return link;
        }
        SystemCallException failure = SystemCallException.Last("bpf(BPF_LINK_CREATE, Linux 6.6)");
        Forget(interfaceIndex);
        throw failure;
    }

    /// <summary>Also where a program that is being started has the descriptor until its exec.</summary>
    public void Unlink(int interfaceIndex, int link)
    {
        _ = Bpf.DetachLink(link);
        _ = Libc.close(link);
        Forget(interfaceIndex);
    }

    /// <summary>Returns when no program runs any more that began before the call: what was written before is in force.</summary>
    /// <remarks>
    /// A program takes some microseconds, and is waited for by looking. One whose processor was taken from it for long is waited for by the
    /// kernel.
    /// </remarks>
    public void WaitForPrograms()
    {
        Interlocked.MemoryBarrier();
        for (int i = 0; i < Layout.Processors; i++)
        {
            ProcessorLine* processor = Processor(i);
            ulong entered = Volatile.Read(ref processor->Entered);
            SpinWait spin = default;
            long began = Environment.TickCount64;
            while (Volatile.Read(ref processor->Left) < entered)
            {
                spin.SpinOnce(sleep1Threshold: -1);
                if (Environment.TickCount64 - began > LookingMilliseconds)
                {
                    _ = Libc.syscall(Membarrier, MEMBARRIER_CMD_GLOBAL, null, 0); // no program runs any more that began before
                    return;
                }
            }
        }
    }

    public void Dispose()
    {
        foreach (int descriptor in (ReadOnlySpan<int>)[_program, _devices])
        {
            if (descriptor >= 0)
            {
                _ = Libc.close(descriptor);
            }
        }
        _lookup?.Dispose();
        _records?.Dispose();
        _entries?.Dispose();
        _state?.Dispose();
    }

    /// <summary>The kernel's, among them those that this process may not use: the program runs on any.</summary>
    private static int CountProcessors()
    {
        string ranges = File.ReadAllText("/sys/devices/system/cpu/possible").Trim(); // such as 0-7
        return int.Parse(ranges[(ranges.LastIndexOfAny(['-', ',']) + 1)..], CultureInfo.InvariantCulture) + 1;
    }

    private void Forget(int interfaceIndex)
    {
        _ = Bpf.Delete(_devices, (uint)interfaceIndex);
        WaitForPrograms(); // its memory is the next one's
    }

    private int Load()
    {
        OffloadMaps maps = new(_state.Map, _devices, _lookup.Map, _entries.Map, _records.Map);
        BpfInstruction[] program = OffloadProgram.Assemble(Layout, maps);
        int loaded = Bpf.LoadClassifier(program, default);
        if (loaded >= 0)
        {
            return loaded;
        }
        if (Errno.Last is Errno.EPERM or Errno.E2BIG) // without CAP_PERFMON the verifier follows what processors may run ahead, too, and that is too much
        {
            throw SystemCallException.Last("bpf(BPF_PROG_LOAD)");
        }
        byte[] log = new byte[1 << 20]; // only then: it slows the verifier, and fails it if it is too small
        return BpfMemory.CheckLoaded(Bpf.LoadClassifier(program, log), log);
    }

    private static int Check(int result, string command) => result >= 0 ? result : throw SystemCallException.Last($"bpf({command})");
}
