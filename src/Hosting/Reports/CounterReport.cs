namespace Softswitch.Hosting.Reports;

/// <summary>Says now and then how far a counter has moved that people should know of. One thread.</summary>
/// <param name="read">The counter; called ten times a second at most.</param>
/// <param name="describe">The line for the log, from what has come since the last one and from all there is.</param>
internal sealed class CounterReport(Func<long> read, Func<long, long, string> describe, Action<string> log)
{
    private const int LookMilliseconds = 100;
    private const int ReportMilliseconds = 10_000;

    private long _reported;
    private long _nextAt = Environment.TickCount64;

    public void Update()
    {
        long now = Environment.TickCount64;
        if (now < _nextAt)
        {
            return;
        }
        long count = read();
        _nextAt = now + (count == _reported ? LookMilliseconds : ReportMilliseconds);
        if (count != _reported)
        {
            log(describe(count - _reported, count));
            _reported = count;
        }
    }
}
