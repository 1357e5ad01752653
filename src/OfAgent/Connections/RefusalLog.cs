namespace Softswitch.OfAgent.Connections;

/// <summary>Logs refused and abandoned connections. The first of each reason is logged at once, later ones as a count once a minute.</summary>
/// <remarks>Threads: any.</remarks>
internal sealed class RefusalLog(Action<string> log, TimeProvider time)
{
    /// <summary>There was no thread to be had.</summary>
    public const string NoThread = "refused: the system has no thread left for it (see ulimit -u and the pids controller)";

    /// <summary>The channel is one too many.</summary>
    public const string NoDescriptor = "refused: the process has hardly any file descriptor left (see ulimit -n)";

    /// <summary>The peer waited to be served, and had to leave its place to another.</summary>
    public const string TooManyWait = "refused: more peers connected at once than can wait to be served";

    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, Tally> _tallies = [];
    private long _count;

    /// <summary>How many there were.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <param name="name">Of the connection.</param>
    /// <param name="reason">One of a few; the same for all that end alike.</param>
    public void Note(string name, string reason)
    {
        Interlocked.Increment(ref _count);
        string others;
        lock (_tallies)
        {
            long now = time.GetTimestamp();
            if (!_tallies.TryGetValue(reason, out Tally tally))
            {
                others = "; others like it are counted";
            }
            else if (time.GetElapsedTime(tally.SaidAt, now) < Interval)
            {
                _tallies[reason] = tally with { Unsaid = tally.Unsaid + 1 };
                return;
            }
            else
            {
                others = tally.Unsaid == 0 ? "" : $"; {tally.Unsaid} others like it since it was said last";
            }
            _tallies[reason] = new Tally(now, 0);
        }
        log($"{name}: {reason}{others}");
    }

    private readonly record struct Tally(long SaidAt, long Unsaid);
}
