using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Ebpf;

namespace Softswitch.Ports.KernelOffload;

/// <summary>A hash table that programs look up in and that grows: the only element of an array of maps, where a larger one takes its place.</summary>
/// <remarks>
/// The kernel takes 16 bytes for each element that a table can have, from the beginning. Growing copies all elements, a microsecond each, and waits for all
/// programs under way. So a table is small, or as large as it may be: a copy of 16,384 holds nobody up, one of 262,144 took 0.3 s. Threads: one at a time.
/// </remarks>
internal sealed class GrowingHash<TKey, TValue> : IDisposable
    where TKey : unmanaged
    where TValue : unmanaged
{
    private const uint Few = 1 << 14;

    private readonly uint _most;
    private uint _capacity;
    private bool _isFound;

    /// <param name="most">Elements it may have.</param>
    /// <exception cref="SystemCallException">The system refuses.</exception>
    public GrowingHash(uint most)
    {
        _most = most;
        _capacity = Math.Min(most, Few);
        Table = NewTable(_capacity);
        Map = Table < 0 ? -1 : Bpf.CreateArrayOfMaps(1, Table);
        if (Map < 0)
        {
            SystemCallException failure = SystemCallException.Last("bpf(BPF_MAP_CREATE)");
            Dispose();
            throw failure;
        }
    }

    /// <summary>The descriptor of the array, for the program. It finds no table there before the first element.</summary>
    public int Map { get; }

    /// <summary>The present table's descriptor.</summary>
    public int Table { get; private set; }

    /// <summary>Adds an element whose key is not there yet; false if there is no memory for it.</summary>
    public bool TryInsert(in TKey key, in TValue value)
    {
        if (!_isFound && !(_isFound = Bpf.SetMap(Map, 0, Table) == 0))
        {
            return false;
        }
        return Bpf.Insert(Table, key, value) == 0 || (Errno.Last == Errno.E2BIG && TryGrow() && Bpf.Insert(Table, key, value) == 0);
    }

    /// <summary>As <see cref="Bpf.Delete"/>.</summary>
    public void Delete(in TKey key) => _ = Bpf.Delete(Table, key);

    public void Dispose()
    {
        _ = Libc.close(Map);
        _ = Libc.close(Table);
    }

    private static unsafe int NewTable(uint capacity) => Bpf.CreateHash((uint)sizeof(TKey), (uint)sizeof(TValue), capacity);

    private bool TryGrow()
    {
        int larger = _capacity < _most ? NewTable(_most) : -1;
        if (larger < 0)
        {
            return false;
        }
        TKey[] keys = new TKey[_capacity];
        TValue[] values = new TValue[_capacity];
        int count = Bpf.ReadAll(Table, keys, values);
        if (count < 0 || Bpf.InsertAll(larger, keys.AsSpan(0, count), values) < 0 || Bpf.SetMap(Map, 0, larger) < 0)
        {
            _ = Libc.close(larger);
            return false;
        }
        _ = Libc.close(Table); // no program uses it any more
        (Table, _capacity) = (larger, _most);
        return true;
    }
}
