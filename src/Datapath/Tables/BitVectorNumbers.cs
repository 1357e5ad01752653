using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>Numbers for the values that entries of a <see cref="BitVectorTable"/> compare whole fields with, from 0 up in each field, as low as possible.</summary>
/// <remarks>Threads: one writer, the control side; workers look up.</remarks>
internal sealed unsafe class BitVectorNumbers : IDisposable
{
    private const int HeadBits = 14;

    private readonly BitVectorMemory _memory;
    private readonly ulong _spread;
    private readonly NativeArray<nint> _heads = new(1 << HeadBits);
    private readonly PriorityQueue<int, int>[] _free = new PriorityQueue<int, int>[BitVectorFields.Whole];
    private readonly int[] _next = new int[BitVectorFields.Whole];

    /// <param name="secret">Spreads values over chains: a sender that does not know it cannot make many values share a chain.</param>
    public BitVectorNumbers(BitVectorMemory memory, ulong secret)
    {
        _memory = memory;
        _spread = secret | 1;
        for (int field = 0; field < _free.Length; field++)
        {
            _free[field] = new PriorityQueue<int, int>();
        }
    }

    /// <summary>The number of a value; -1 if no entry compares the field with it. Any thread.</summary>
    public int Find(int field, ulong value)
    {
        BitVectorValue* known = (BitVectorValue*)Volatile.Read(ref HeadOf(field, value));
        while (known != null && (known->Value != value || known->Field != field))
        {
            known = (BitVectorValue*)Volatile.Read(ref known->Next);
        }
        return known == null ? -1 : known->Number;
    }

    /// <summary>One more entry compares a field with a value.</summary>
    /// <returns>The value's number.</returns>
    public int Add(int field, ulong value)
    {
        ref nint head = ref HeadOf(field, value);
        BitVectorValue* known = (BitVectorValue*)head;
        while (known != null && (known->Value != value || known->Field != field))
        {
            known = (BitVectorValue*)known->Next;
        }
        if (known == null)
        {
            known = _memory.RentValue();
            *known = new BitVectorValue
            {
                Next = head,
                Value = value,
                Field = field,
                Number = _free[field].TryDequeue(out int number, out _) ? number : _next[field]++,
            };
            Volatile.Write(ref head, (nint)known);
        }
        known->Entries++;
        return known->Number;
    }

    /// <summary>One entry less does.</summary>
    /// <returns>The number the value has or had.</returns>
    public int Remove(int field, ulong value)
    {
        ref nint link = ref HeadOf(field, value);
        BitVectorValue* known = (BitVectorValue*)link;
        while (known->Value != value || known->Field != field)
        {
            link = ref known->Next;
            known = (BitVectorValue*)link;
        }
        if (--known->Entries == 0)
        {
            Volatile.Write(ref link, known->Next); // a reader at this value still finds the next
            _free[field].Enqueue(known->Number, known->Number);
            _memory.RetireValue(known);
        }
        return known->Number;
    }

    public void Dispose() => _heads.Dispose();

    private ref nint HeadOf(int field, ulong value) => ref _heads.Start[((value | ((ulong)(field + 1) << 48)) * _spread) >> (64 - HeadBits)];
}
