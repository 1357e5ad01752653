using System.Diagnostics;
using System.Text;
using System.Text.Json.Serialization;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Text;

namespace Softswitch.Web;

/// <summary>A flow entry as the page shows it.</summary>
/// <param name="Actions">The first of them; behind these it says how many there are.</param>
/// <param name="ActionCount">All of them.</param>
/// <param name="Cookie">In hexadecimal: it has more digits than a script's numbers hold.</param>
internal sealed record FlowRow(
    int Priority, string Match, string Actions, int ActionCount, ulong Packets, ulong Bytes, double AgeSeconds,
    int IdleTimeoutSeconds, int HardTimeoutSeconds, string Cookie)
{
    /// <summary>Its text in a reply, and about what stands around it.</summary>
    [JsonIgnore]
    public int Size => 200 + Match.Length + Actions.Length;
}

/// <summary>A page of the flow table.</summary>
/// <param name="Total">Entries in the table.</param>
/// <param name="Matched">Of those looked at, entries that have what was searched for.</param>
/// <param name="Looked">Entries looked at: all, unless the time was over.</param>
/// <param name="IsComplete">Whether all were looked at.</param>
/// <param name="IsCut">Whether rows are missing for which the reply has no room: the next page begins behind the last.</param>
internal sealed record FlowPage(
    long Total, long Matched, long Looked, bool IsComplete, bool IsCut, double Milliseconds, int Offset, IReadOnlyList<FlowRow> Flows);

/// <summary>Looks through the flow table for a page of it.</summary>
/// <remarks>
/// The table is searched where it is: nothing of its size is copied. Of each entry only the value sorted by is kept, and only while it may be on the page
/// or before it. The control lock is held for a slice at a time, so that flow-mods come in between; workers do not notice at all. One search at a time per
/// instance: it holds buffers.
/// </remarks>
internal sealed class FlowListing(DatapathControl control)
{
    // Under the lock at once: entries, or as many actions to be searched for words.
    private const int Slice = 256;
    private const int ActionsOfEntry = 16;

    private const int MostBytes = 256 * 1024;

    /// <summary>However large the table is, whoever looks waits so long at most.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly StringBuilder _text = new();
    private char[] _characters = new char[1024];

    /// <exception cref="OperationCanceledException">Nobody waits for it any more.</exception>
    public FlowPage Read(FlowQuery query, TimeSpan patience, CancellationToken stop)
    {
        long start = Stopwatch.GetTimestamp();
        // The worst of those kept comes first out of it.
        var best = new PriorityQueue<uint, (ulong Value, uint Index)>(Comparer<(ulong Value, uint Index)>.Create((a, b) => Compare(b, a, query.IsDescending)));
        int kept = query.Offset + query.Limit;
        (long looked, long matched) = (0, 0);
        uint cursor = 0;
        bool more = true;
        var all = new FlowFilter(FlowMatch.Any);
        while (more && Stopwatch.GetElapsedTime(start) < patience)
        {
            stop.ThrowIfCancellationRequested();
            using ControlScope scope = control.Enter();
            for (int done = 0; done < Slice && (more = control.Flows.Next(ref cursor, all, out FlowStatistics flow)); done++)
            {
                looked++;
                done += query.Words.Count == 0 ? 0 : flow.Actions.Length / ActionsOfEntry;
                if (Holds(flow, query.Words))
                {
                    matched++;
                    Keep(best, kept, cursor, ValueOf(flow, query.Order), query.IsDescending);
                }
            }
        }
        var indexes = new uint[best.Count];
        for (int i = indexes.Length; i-- > 0;)
        {
            indexes[i] = best.Dequeue();
        }
        List<FlowRow> rows = Describe(indexes.AsSpan(Math.Min(query.Offset, indexes.Length)), all, out bool isCut);
        long total;
        using (control.Enter())
        {
            total = control.ReadTable().ActiveCount;
        }
        return new FlowPage(total, matched, looked, !more, isCut, Stopwatch.GetElapsedTime(start).TotalMilliseconds, query.Offset, rows);
    }

    private static void Keep(
        PriorityQueue<uint, (ulong Value, uint Index)> best, int limit, uint index, ulong value, bool isDescending)
    {
        if (best.Count < limit)
        {
            best.Enqueue(index, (value, index));
        }
        else if (best.TryPeek(out _, out (ulong, uint) worst) && Compare((value, index), worst, isDescending) < 0)
        {
            best.DequeueEnqueue(index, (value, index));
        }
    }

    /// <summary>Equal values stay in the table's order, so that pages neither overlap nor leave one out.</summary>
    private static int Compare((ulong Value, uint Index) a, (ulong Value, uint Index) b, bool isDescending)
    {
        int byValue = isDescending ? b.Value.CompareTo(a.Value) : a.Value.CompareTo(b.Value);
        return byValue != 0 ? byValue : a.Index.CompareTo(b.Index);
    }

    private static ulong ValueOf(in FlowStatistics flow, FlowOrder order) => order switch
    {
        FlowOrder.Bytes => flow.ByteCount,
        FlowOrder.Priority => flow.Priority,
        FlowOrder.Age => (ulong)flow.Duration.Ticks,
        FlowOrder.Cookie => flow.Cookie,
        _ => flow.PacketCount,
    };

    private bool Holds(in FlowStatistics flow, IReadOnlyList<string> words)
    {
        if (words.Count == 0)
        {
            return true;
        }
        _text.Clear();
        FlowText.AppendStatistics(_text, flow, isShort: true);
        if (_text.Length > _characters.Length)
        {
            _characters = new char[2 * _text.Length];
        }
        _text.CopyTo(0, _characters, _text.Length);
        ReadOnlySpan<char> line = _characters.AsSpan(0, _text.Length);
        foreach (string word in words)
        {
            if (!line.Contains(word, StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>An entry that went meanwhile is left out.</summary>
    /// <param name="isCut">Whether the last ones are left out: there is no room for them.</param>
    private List<FlowRow> Describe(ReadOnlySpan<uint> indexes, FlowFilter all, out bool isCut)
    {
        List<FlowRow> rows = [];
        int room = MostBytes;
        isCut = false;
        foreach (uint index in indexes)
        {
            using ControlScope scope = control.Enter();
            uint cursor = index - 1;
            if (control.Flows.Next(ref cursor, all, out FlowStatistics flow) && cursor == index)
            {
                FlowRow row = Describe(flow);
                room -= row.Size;
                if (room < 0)
                {
                    isCut = true;
                    break;
                }
                rows.Add(row);
            }
        }
        return rows;
    }

    private FlowRow Describe(in FlowStatistics flow)
    {
        _text.Clear();
        MatchText.Append(_text, flow.Match);
        string match = _text.ToString();
        _text.Clear();
        ActionText.AppendFirst(_text, flow.Actions);
        return new FlowRow(
            flow.Priority, match, _text.ToString(), flow.Actions.Length, flow.PacketCount, flow.ByteCount, flow.Duration.TotalSeconds,
            flow.IdleTimeoutSeconds, flow.HardTimeoutSeconds, $"0x{flow.Cookie:x}");
    }
}
