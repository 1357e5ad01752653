namespace Softswitch.Ports.KernelOffload;

/// <summary>The records that entries use, each once however many use it.</summary>
/// <remarks>
/// A record that was given back is written anew only after <see cref="OffloadTables.WaitForPrograms"/>: the callers see to that. Threads: one
/// at a time.
/// </remarks>
internal sealed unsafe class RecordPool(OffloadTables tables)
{
    private readonly Dictionary<OffloadRecord, uint> _numbers = [];
    private readonly List<int> _users = [];
    private readonly Stack<uint> _free = new();

    /// <returns>What an entry's first word is to be: one more than the record's number; 0 if there is no memory for it.</returns>
    public ulong Take(in OffloadRecord record)
    {
        if (_numbers.TryGetValue(record, out uint number))
        {
            _users[(int)number]++;
            return number + 1;
        }
        bool isFresh = !_free.TryPop(out number);
        number = isFresh ? (uint)_users.Count : number;
        OffloadRecord* place = (OffloadRecord*)tables.Record(number);
        if (place == null)
        {
            return 0;
        }
        if (isFresh)
        {
            _users.Add(0);
        }
        _users[(int)number] = 1;
        *place = record;
        _numbers[record] = number;
        return number + 1;
    }

    /// <param name="word">As <see cref="Take"/> returned it.</param>
    public void Give(ulong word)
    {
        if (word == 0)
        {
            return;
        }
        uint number = (uint)(word - 1);
        if (--_users[(int)number] == 0)
        {
            _numbers.Remove(*(OffloadRecord*)tables.Record(number));
            _free.Push(number);
        }
    }
}
