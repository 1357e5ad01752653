using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Softswitch.Web;

/// <summary>What is read of many switches: for all who ask within a while once, so that more who look cost the switches nothing more.</summary>
/// <remarks>Threads: any. Those that come while it is being read wait for that.</remarks>
/// <param name="read">The whole answer. One caller at a time.</param>
[SuppressMessage("Design", "CA1001", Justification = "of a semaphore only the wait handle needs an end, and nobody asks for it")]
internal sealed class SharedReading(Func<Task<Answer>> read)
{
    // Half of the page's period: each look brings news.
    private static readonly TimeSpan Age = TimeSpan.FromMilliseconds(500);

    private readonly SemaphoreSlim _turn = new(1);
    private Answer? _answer;
    private long _readAt;

    /// <exception cref="OperationCanceledException">Nobody waits for it any more.</exception>
    public async Task<Answer> Get(CancellationToken stop)
    {
        await _turn.WaitAsync(stop);
        try
        {
            if (_answer == null || Stopwatch.GetElapsedTime(_readAt) > Age)
            {
                _answer = await read();
                _readAt = Stopwatch.GetTimestamp();
            }
            return _answer.Value;
        }
        finally
        {
            _turn.Release();
        }
    }
}
