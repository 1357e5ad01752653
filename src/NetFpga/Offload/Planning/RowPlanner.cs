using System.Numerics;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Planning;

/// <summary>Decides which flows with wildcards get rows, and which punt rows the other flows need (docs/netfpga-hardware.md, rules 1, 2, 4 and 16).</summary>
/// <remarks>
/// The planner gives rows by falling rank. A candidate is a flow that the card could execute. It gets its rows if there is room for them and for the punt rows
/// of every software flow above it that matches some of its frames; skipped candidates are software flows, too. A flow that does not fit is skipped,
/// and after <see cref="MaxPassedOver"/> of these the search ends. So every flow above a flow's row is in hardware,
/// disjoint from it or punted, and every packet that hits the row belongs to its flow.
/// <para>
/// The result depends on the table alone, not on how it came about. A change costs a test against each candidate the search looked at, at
/// most 24 and <see cref="MaxPassedOver"/>; if one of them is concerned, the search is done again, with tests among these. Only a candidate
/// that the search meets for the first time is tested against all flows in software above it.
/// </para>
/// </remarks>
internal sealed class RowPlanner(FlowTranslator translator)
{
    public const int MaxPassedOver = 64;

    private const string OutOfReach = "the rows are taken by flows of higher rank";

    private readonly SortedSet<CardFlow> _candidates = new(RankComparer.Instance);
    private readonly SortedSet<CardFlow> _software = new(RankComparer.Instance);
    private readonly List<CardFlow> _looked = [];
    private readonly List<CardFlow> _passedOver = [];
    private readonly Dictionary<CardFlow, byte> _punts = [];

    /// <summary>Candidates from this one on were not looked at; null if all were.</summary>
    private CardFlow? _end;

    private bool _changed;

    /// <summary>The rows, highest first.</summary>
    public IReadOnlyList<RowItem> Rows { get; private set; } = [];

    /// <summary>A flow that the card can execute was added, or its rows changed.</summary>
    public void AddCandidate(CardFlow flow)
    {
        _candidates.Add(flow);
        flow.Unplaced = OutOfReach;
        _changed |= _end == null || flow.RanksAbove(_end);
    }

    public void RemoveCandidate(CardFlow flow)
    {
        _candidates.Remove(flow);
        flow.Unplaced = null;
        _changed |= flow.Blockers != null || flow == _end;
    }

    /// <summary>A software flow or a guard was added.</summary>
    public void AddSoftware(CardFlow flow)
    {
        _software.Add(flow);
        foreach (CardFlow candidate in _looked)
        {
            _changed |= candidate.Blockers?.TryAdd(candidate, flow) == true;
        }
    }

    public void RemoveSoftware(CardFlow flow)
    {
        _software.Remove(flow);
        foreach (CardFlow candidate in _looked)
        {
            if (candidate.Blockers?.TryRemove(candidate, flow, out bool changed) is bool kept)
            {
                _changed |= changed;
                candidate.Blockers = kept ? candidate.Blockers : null;
            }
        }
    }

    /// <summary>Ports changed: every flow was translated again.</summary>
    public void Invalidate() => _changed = true;

    /// <summary>Brings <see cref="Rows"/> up to date.</summary>
    /// <returns>Whether the rows may have changed.</returns>
    public bool Plan()
    {
        if (!_changed)
        {
            return false;
        }
        _changed = false;
        List<CardFlow> before = [.. _looked];
        List<CardFlow> chosen = Choose();
        foreach (CardFlow flow in before.Except(_looked))
        {
            flow.Blockers = null;
            flow.Unplaced = flow.Role == FlowRole.Candidate ? OutOfReach : flow.Unplaced;
        }
        List<RowItem> rows = [];
        foreach (CardFlow flow in chosen.Concat(_punts.Keys).OrderBy(flow => flow, RankComparer.Instance))
        {
            rows.AddRange(_punts.TryGetValue(flow, out byte ports) ? PuntsOf(flow, ports) : flow.Rows);
        }
        Rows = rows;
        return true;
    }

    private List<CardFlow> Choose()
    {
        List<CardFlow> chosen = [];
        int free = CardRegisters.FirstReservedRow;
        _looked.Clear();
        _passedOver.Clear();
        _punts.Clear();
        _end = null;
        Dictionary<CardFlow, byte> needed = [];
        foreach (CardFlow candidate in _candidates)
        {
            if (free == 0 || _passedOver.Count == MaxPassedOver)
            {
                _end = candidate;
                break;
            }
            _looked.Add(candidate);
            candidate.Unplaced = Need(candidate, free, needed, out int rows);
            if (candidate.Unplaced != null)
            {
                _passedOver.Add(candidate);
                continue;
            }
            free -= rows;
            chosen.Add(candidate);
            foreach ((CardFlow flow, byte ports) in needed)
            {
                _punts[flow] = (byte)(_punts.GetValueOrDefault(flow) | ports);
            }
        }
        return chosen;
    }

    /// <summary>Counts the rows that the candidate needs, and the punts among them; null, or why it cannot have them.</summary>
    private string? Need(CardFlow candidate, int free, Dictionary<CardFlow, byte> needed, out int rows)
    {
        needed.Clear();
        rows = candidate.Rows.Count;
        candidate.Blockers ??= BlockerList.Find(candidate, _software);
        if (candidate.Blockers.IsOverfull)
        {
            return "too many flows above it are in software";
        }
        foreach (CardFlow flow in candidate.Blockers.Flows.Concat(_passedOver.Where(candidate.Overlaps)))
        {
            byte missing = (byte)(flow.PuntPorts & candidate.RowPorts & ~_punts.GetValueOrDefault(flow));
            rows += BitOperations.PopCount(missing);
            if (missing == 0)
            {
                continue;
            }
            if (PuntsOf(flow, missing).Count != BitOperations.PopCount(missing))
            {
                return $"flow {flow.Id} above it is in software, and the card cannot tell its frames";
            }
            needed.Add(flow, missing);
        }
        return rows <= free ? null : $"it needs {rows} rows, with those that punt what is in software above it, and {free} are free";
    }

    private List<RowItem> PuntsOf(CardFlow flow, byte ports)
    {
        List<RowItem> rows = [];
        for (int port = 0; port < CardPort.Count; port++)
        {
            if ((ports & (1 << port)) != 0 && translator.Punt(flow, port) is RowItem row)
            {
                rows.Add(row);
            }
        }
        return rows;
    }
}

/// <summary>A row as planned: the flow it stands for and its image. Which row of the card it gets is decided when it is written.</summary>
/// <param name="Port">Card port whose frames it matches; null for all of them.</param>
/// <param name="IsPunt">The row gives the flow's frames to the software, so its hits do not count as the card's.</param>
internal sealed record RowItem(CardFlow Flow, int? Port, bool IsPunt, RowImage Image)
{
    /// <summary>Whether it is the same row, if perhaps with another action.</summary>
    public bool IsSame(RowItem other) => ReferenceEquals(Flow, other.Flow) && Port == other.Port && IsPunt == other.IsPunt
        && Image.Value == other.Image.Value && Image.Mask == other.Image.Mask;
}
