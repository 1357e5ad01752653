using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.OfAgent.Client;

namespace Softswitch.Bench.Sides;

/// <summary>How a benchmark that is to end early takes leave of what it is doing.</summary>
internal static class Interruption
{
    // The terminal's Ctrl-C, and timeout(1), signal the programs that were started too. They may be quicker than we are to hear of it.
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(2);

    /// <summary>Whether an exception is there because of the signal: then what was measured so far is the result.</summary>
    public static bool Explains(this CancellationToken cancellation, Exception e) =>
        cancellation.IsCancellationRequested
        || (e is OptionException or CompareException or OfClientException or TestbedException or TimeoutException or IOException
            && cancellation.WaitHandle.WaitOne(Late));

    /// <summary>Does something to its end, or until it ends because of the signal.</summary>
    public static void Attempt(this CancellationToken cancellation, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (cancellation.Explains(e))
        {
            // What was measured so far is the result.
        }
    }

    /// <summary>Waits for so long.</summary>
    /// <exception cref="OperationCanceledException">Cancelled meanwhile.</exception>
    public static void Wait(this CancellationToken cancellation, TimeSpan time)
    {
        if (cancellation.WaitHandle.WaitOne(time))
        {
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Ends a benchmark that was cancelled before its first figure.</summary>
    /// <param name="measured">How much there is.</param>
    /// <exception cref="OperationCanceledException">Cancelled before there was any.</exception>
    public static void ThrowIfNothing(this CancellationToken cancellation, int measured)
    {
        if (measured == 0)
        {
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>The same items until cancellation.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; looked at every few items.</exception>
    public static IEnumerable<T> Until<T>(this IEnumerable<T> items, CancellationToken cancellation)
    {
        const int itemsPerLook = 256;
        int count = 0;
        foreach (T item in items)
        {
            if (count++ % itemsPerLook == 0)
            {
                cancellation.ThrowIfCancellationRequested();
            }
            yield return item;
        }
    }
}
