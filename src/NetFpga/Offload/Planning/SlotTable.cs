using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Planning;

/// <summary>A flow of a slot goes to its other one, to make room.</summary>
internal readonly record struct SlotMove(CardFlow Flow, int From, int To);

/// <summary>Assigns slots of the exact table to flows. Each flow has two possible slots; a flow in the way moves to its other slot.</summary>
/// <remarks>
/// A flow in a slot can only move to its other slot. So from each of the two slots of a new flow there is one path of moves, which ends at a free slot or
/// never. The shorter path is taken. Without a limit on the length, this places every flow that can be placed without removing another.
/// </remarks>
internal sealed class SlotTable
{
    /// <summary>Longest path of moves. Each costs 21 register writes; longer ones are hardly ever needed below 16,384 flows.</summary>
    public const int MaxMoves = 128;

    private readonly CardFlow?[] _flows = new CardFlow?[CardRegisters.SlotCount];

    public int Count { get; private set; }

    public CardFlow? this[int slot] => _flows[slot];

    /// <summary>Gives the flow a slot.</summary>
    /// <param name="moves">The moves that this takes are added, in the order in which they have to be made: each into a free slot.</param>
    /// <returns>False if there is no room: nothing changed.</returns>
    public bool TryPlace(CardFlow flow, List<SlotMove> moves)
    {
        if (flow.SlotA < 0)
        {
            return false;
        }
        int a = CountMoves(flow.SlotA);
        int b = a == 0 ? int.MaxValue : CountMoves(flow.SlotB);
        if (Math.Min(a, b) > MaxMoves)
        {
            return false;
        }
        int slot = a <= b ? flow.SlotA : flow.SlotB;
        Vacate(slot, Math.Min(a, b), moves);
        Put(flow, slot);
        Count++;
        return true;
    }

    /// <summary>The first flow of a kind among those that would have to move for a flow that found no room; null if there is none. Without it there is room.</summary>
    public CardFlow? FindInTheWay(CardFlow flow, Predicate<CardFlow> which) =>
        flow.SlotA < 0 ? null : FindOnPath(flow.SlotA, which) ?? FindOnPath(flow.SlotB, which);

    public void Remove(CardFlow flow)
    {
        _flows[flow.Slot] = null;
        flow.Slot = -1;
        Count--;
    }

    /// <summary>Another flow of the same match gets the slot.</summary>
    public void Replace(CardFlow flow, CardFlow by)
    {
        Put(by, flow.Slot);
        flow.Slot = -1;
    }

    /// <summary>How many flows have to move before the slot is free; more than <see cref="MaxMoves"/> if that is too many or never ends.</summary>
    private int CountMoves(int slot)
    {
        int moves = 0;
        while (_flows[slot] is CardFlow flow && moves <= MaxMoves)
        {
            slot = OtherSlot(flow);
            moves++;
        }
        return moves;
    }

    private CardFlow? FindOnPath(int slot, Predicate<CardFlow> which)
    {
        for (int moves = 0; moves <= MaxMoves && _flows[slot] is CardFlow flow; moves++)
        {
            if (which(flow))
            {
                return flow;
            }
            slot = OtherSlot(flow);
        }
        return null;
    }

    private void Vacate(int slot, int count, List<SlotMove> moves)
    {
        int first = moves.Count;
        for (int i = 0; i < count; i++)
        {
            CardFlow flow = _flows[slot]!;
            moves.Add(new SlotMove(flow, slot, OtherSlot(flow)));
            slot = OtherSlot(flow);
        }
        moves.Reverse(first, count);
        foreach (SlotMove move in moves[first..])
        {
            _flows[move.From] = null;
            Put(move.Flow, move.To);
        }
    }

    private void Put(CardFlow flow, int slot)
    {
        _flows[slot] = flow;
        flow.Slot = slot;
    }

    private static int OtherSlot(CardFlow flow) => flow.Slot == flow.SlotA ? flow.SlotB : flow.SlotA;
}
