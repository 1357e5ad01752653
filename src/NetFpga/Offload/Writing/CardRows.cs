using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>Rows 0 to 23 of the card: their content, the steps to new content, and their counters.</summary>
/// <remarks>
/// From old rows A to new rows B (docs/netfpga-hardware.md, rules 2 and 11): first the rows that are new in B are put in from the top down, each between its
/// neighbours of B; then the rows that are only in A are taken out from the bottom up. In between the card holds the rows of both, each in order. So the
/// first row that a frame hits is its first hit in A or its first hit in B: at any time the old or the new table applies to it, never a third.
/// If both do not fit together, rows of A leave first, from the bottom up, and their frames go to the software meanwhile.
/// <para>
/// A row that only gets another action is committed in place. A row moves by a copy into the free neighbour; then the old place is made to match
/// nothing. A row's counters are read once it matches nothing and the pipeline ran dry, so that no hit is lost or counted for the next row.
/// </para>
/// <para>Register writes: 29 for a row put in, 27 for one taken out, 27 for another action, 32 for a move by one.</para>
/// </remarks>
internal sealed class CardRows(IRegisterAccess registers, CardLayout layout, Action<CardFlow, uint, uint> credit)
{
    public const int Count = CardRegisters.FirstReservedRow;

    private readonly RowRegisters _rows = new(registers, layout);
    private readonly RowItem?[] _items = new RowItem?[Count];
    private readonly RowCounter[] _counters = new RowCounter[Count];
    private readonly CardHits[] _hits = new CardHits[Count];

    private readonly State[] _states = new State[Count];

    private enum State : byte
    {
        /// <summary>The row may match frames.</summary>
        Unknown,

        /// <summary>The row matches no frame, but is not empty.</summary>
        Hidden,

        Empty,
    }

    public RowItem? this[int row] => _items[row];

    /// <summary>The hits of a planned row as of the last <see cref="Poll(int)"/>, since it was put in; they survive moves.</summary>
    public CardHits Hits(int row) => _hits[row];

    public int Used => _items.Count(item => item != null);

    /// <summary>Rows that may still be in force after a failure, although they should not.</summary>
    public int MayBeUsedCount => _states.Count(state => state == State.Unknown);

    /// <summary>Writes new rows, highest first.</summary>
    /// <param name="removed">A flow that left the table. Its rows can go first, since they need not shield the rows below any more.</param>
    public void Apply(IReadOnlyList<RowItem> rows, CardFlow? removed)
    {
        ClearFromBottom(item => removed != null && ReferenceEquals(item.Flow, removed));
        MakeRoom(rows);
        int above = -1;
        for (int i = 0; i < rows.Count; i++)
        {
            above = FindRow(rows[i]) is int row ? Update(row, rows[i]) : Insert(rows, i, above);
        }
        ClearFromBottom(item => !rows.Any(item.IsSame));
    }

    /// <summary>Empties all rows, from the bottom up: nothing that a row shields is ever exposed.</summary>
    public void Clear()
    {
        for (int row = Count - 1; row >= 0; row--)
        {
            if (_states[row] != State.Empty)
            {
                Clear(row);
            }
        }
    }

    /// <summary>The card lost its tables, or someone else wrote them: takes the counters, and treats the content of all rows as unknown from now on.</summary>
    public void Invalidate()
    {
        for (int row = 0; row < Count; row++)
        {
            if (_items[row] is RowItem item)
            {
                (uint packets, uint bytes) = _rows.ReadCounters(row);
                Credit(row, item, _counters[row].AdvanceAfterLoss(packets, bytes));
                _items[row] = null;
            }
            _states[row] = State.Unknown;
        }
    }

    /// <summary>Whether the row holds what it should.</summary>
    public bool IsIntact(int row) => _rows.Holds(row, _items[row]?.Image ?? default);

    /// <summary>Commits once more what the row should hold.</summary>
    public void Repair(int row) => _rows.Commit(row, _items[row]?.Image ?? default);

    /// <summary>Counts all rows' hits.</summary>
    public void Poll()
    {
        for (int row = 0; row < Count; row++)
        {
            Poll(row);
        }
    }

    /// <summary>Counts a row's hits.</summary>
    public void Poll(int row)
    {
        if (_items[row] is RowItem item)
        {
            (uint packets, uint bytes) = _rows.ReadCounters(row);
            Credit(row, item, _counters[row].Advance(packets, bytes));
        }
    }

    private void Credit(int row, RowItem item, (uint Packets, uint Bytes) hits)
    {
        _hits[row] = new CardHits(_hits[row].Packets + hits.Packets, _hits[row].Bytes + hits.Bytes);
        if (!item.IsPunt)
        {
            credit(item.Flow, hits.Packets, hits.Bytes);
        }
    }

    private void MakeRoom(IReadOnlyList<RowItem> rows)
    {
        int missing = rows.Count(item => FindRow(item) == null);
        int used = Used;
        for (int row = Count - 1; used + missing > Count; row--)
        {
            if (_items[row] is RowItem item)
            {
                missing += rows.Any(item.IsSame) ? 1 : 0;
                used--;
                Clear(row);
            }
        }
    }

    private int Update(int row, RowItem item)
    {
        if (_items[row]!.Image != item.Image)
        {
            _states[row] = State.Unknown;
            _rows.Commit(row, item.Image);
        }
        _items[row] = item;
        return row;
    }

    /// <summary>Puts a row between its neighbours: into the middle of a gap, or so far up that the following new rows fit behind it.</summary>
    private int Insert(IReadOnlyList<RowItem> rows, int index, int above)
    {
        int next = index + 1;
        while (next < rows.Count && FindRow(rows[next]) == null)
        {
            next++;
        }
        int below = next < rows.Count ? FindRow(rows[next])!.Value : Count;
        int[] free = [.. Enumerable.Range(above + 1, below - above - 1).Where(row => _items[row] == null)];
        int coming = next - index;
        int target = free.Length == 0 ? ShiftApart(above, below) : free[Math.Clamp(free.Length - coming, 0, (free.Length - 1) / 2)];
        Fill(target, rows[index]);
        return target;
    }

    /// <summary>Makes a free row between two neighbours: moves the rows up to the nearest free one, from its end (docs/netfpga-hardware.md, rule 2).</summary>
    /// <returns>The row that becomes free.</returns>
    private int ShiftApart(int above, int below)
    {
        int up = Array.FindLastIndex(_items, Math.Max(above, 0), Math.Max(above, 0) + 1, item => item == null);
        int down = below < Count ? Array.FindIndex(_items, below, item => item == null) : -1;
        if (down < 0 || (up >= 0 && above - up < down - below))
        {
            for (int row = up + 1; row <= above; row++)
            {
                Move(row, row - 1);
            }
            return above;
        }
        for (int row = down - 1; row >= below; row--)
        {
            Move(row, row + 1);
        }
        return below;
    }

    private void Move(int from, int to)
    {
        RowItem item = _items[from]!;
        Fill(to, item);
        _rows.Hide(from, item.Image);
        TakeOut(from, item);
        _hits[to] = _hits[from];
        _states[from] = State.Hidden;
    }

    private void Fill(int row, RowItem item)
    {
        if (_states[row] == State.Unknown)
        {
            Clear(row);
        }
        _rows.ZeroCounters(row);
        _counters[row] = default;
        _hits[row] = default;
        _states[row] = State.Unknown;
        _items[row] = item;
        _rows.Commit(row, item.Image);
    }

    private void Clear(int row)
    {
        _states[row] = State.Unknown;
        _rows.Clear(row);
        if (_items[row] is RowItem item)
        {
            TakeOut(row, item);
        }
        _states[row] = State.Empty;
    }

    /// <summary>Takes the last hits of a row that matches nothing any more.</summary>
    private void TakeOut(int row, RowItem item)
    {
        Pipeline.Drain(registers);
        (uint packets, uint bytes) = _rows.ReadCounters(row);
        Credit(row, item, _counters[row].Advance(packets, bytes));
        _items[row] = null;
    }

    private void ClearFromBottom(Func<RowItem, bool> which)
    {
        for (int row = Count - 1; row >= 0; row--)
        {
            if (_items[row] is RowItem item && which(item))
            {
                Clear(row);
            }
        }
    }

    private int? FindRow(RowItem item)
    {
        int row = Array.FindIndex(_items, present => present?.IsSame(item) == true);
        return row < 0 ? null : row;
    }
}
