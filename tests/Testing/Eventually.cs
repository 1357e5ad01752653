using System.Diagnostics;
using Softswitch.Datapath.Ports;
using Xunit;

namespace Softswitch.Testing;

/// <summary>Waits for what another thread or process is about to bring about, with a bound that only a failure reaches.</summary>
internal static class Eventually
{
    /// <summary>Only a failure reaches it, on a machine however slow.</summary>
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);
    // Between looks; they grow apart, because a look may cost a process.
    private static readonly TimeSpan FirstInterval = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan LastInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>Waits for a port's carrier, which the kernel reports some time after an interface was brought up (net/core/link_watch.c).</summary>
    public static void Up(IPortDevice device) => True(() => device.ReadLink().Up, $"{device.Name} is up");

    /// <summary>Waits until a device that was closed is gone: a program that somebody starts just then has this process's descriptors until its exec.</summary>
    /// <param name="text">What is no longer to be seen.</param>
    /// <param name="shown">Where.</param>
    public static void Gone(string text, Func<string> shown) =>
        True(() => !shown().Contains(text, StringComparison.Ordinal), () => $"{text} is gone from {shown()}");

    /// <param name="holds">Asked until it is true.</param>
    /// <param name="otherwise">What was waited for.</param>
    public static void True(Func<bool> holds, string otherwise) => True(holds, () => otherwise);

    /// <param name="holds">Asked until it is true.</param>
    /// <param name="otherwise">What was waited for, and what was seen instead.</param>
    public static void True(Func<bool> holds, Func<string> otherwise)
    {
        long start = Stopwatch.GetTimestamp();
        for (TimeSpan interval = FirstInterval; !holds(); interval = interval < LastInterval ? interval * 1.5 : LastInterval)
        {
            if (Stopwatch.GetElapsedTime(start) > Bound)
            {
                Assert.Fail($"did not happen within {Bound.TotalSeconds} s: {otherwise()}");
            }
            TestContext.Current.CancellationToken.WaitHandle.WaitOne(interval);
        }
    }

    /// <summary>As <see cref="True(Func{bool}, Func{string})"/>, for what comes about only by asking, such as a port that is polled: asks again at once.</summary>
    /// <param name="holds">Asked until it is true.</param>
    /// <param name="otherwise">What was waited for, and what was seen instead.</param>
    public static void Polled(Func<bool> holds, Func<string> otherwise)
    {
        for (long start = Stopwatch.GetTimestamp(); !holds(); Thread.Yield())
        {
            if (Stopwatch.GetElapsedTime(start) > Bound)
            {
                Assert.Fail($"did not happen within {Bound.TotalSeconds} s: {otherwise()}");
            }
        }
    }

    /// <summary>Lets some time pass, so that what follows meets another moment: what is asserted has to hold at any.</summary>
    public static void AnotherMoment(int milliseconds) => TestContext.Current.CancellationToken.WaitHandle.WaitOne(milliseconds);

    /// <summary>Waits for the end of a thread.</summary>
    public static void Ended(Thread thread) => Assert.True(thread.Join(Bound), $"{thread.Name ?? "the thread"} did not end within {Bound.TotalSeconds} s");

    /// <summary>Waits for the end of a task, and gives what it threw.</summary>
    public static void Ended(Task task)
    {
        Assert.True(((IAsyncResult)task).AsyncWaitHandle.WaitOne(Bound), $"the task did not end within {Bound.TotalSeconds} s");
        task.GetAwaiter().GetResult();
    }

    /// <summary>Waits for the result of a task, and gives what it threw.</summary>
    public static T Result<T>(Task<T> task)
    {
        Ended(task);
        return task.Result;
    }

    /// <summary>Waits until it is set.</summary>
    public static void Set(ManualResetEventSlim signal, string otherwise) =>
        Assert.True(signal.Wait(Bound), $"did not happen within {Bound.TotalSeconds} s: {otherwise}");
}
