using System.Diagnostics;

namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>Waits for what another process will bring about, with a bound that only a failure reaches.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <param name="holds">Asked until it is true.</param>
    /// <param name="description">What was waited for, and what was seen instead.</param>
    public static void True(Func<bool> holds, Func<string> description)
    {
        long start = Stopwatch.GetTimestamp();
        while (!holds())
        {
            if (Stopwatch.GetElapsedTime(start) > Bound)
            {
                Assert.Fail($"did not happen within {Bound.TotalSeconds} s: {description()}");
            }
            TestContext.Current.CancellationToken.WaitHandle.WaitOne(Interval);
        }
    }
}
