using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Processes;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;

namespace Softswitch.Bench;

/// <summary>Runs a benchmark for the person who asked for it: says how long it will take and where it is, ends on a signal with what there is, prints.</summary>
/// <remarks>
/// Standard output is the result alone; all else is said on standard error. Exit codes: 0 done, 1 the figures are not to be believed (why is on standard
/// error), 2 wrong usage, 3 what it needs is not installed, 130 ended by a signal, with what was measured until then.
/// </remarks>
internal static class BenchRunner
{
    public const int NotInstalled = 3;
    private const int Unbelievable = 1;
    private const int Interrupted = 130; // as a shell says of SIGINT

    // Of each processor; a row that is disturbed says so anyway.
    private const double MuchLoad = 0.25;

    /// <param name="run">Told whom to say where it is, and when to end. What it has then is its result.</param>
    /// <returns>The exit code.</returns>
    public static int Run(string name, bool json, BenchPlan plan, Func<Action<string>, CancellationToken, BenchResult> run)
    {
        using var signal = new TerminationSignal(tidiesUp: plan.TidiesUp);
        BenchResult result;
        using (BenchProgress progress = BenchProgress.OnStandardError(name, plan))
        {
            if (Machine.LoadAverage >= MuchLoad * Environment.ProcessorCount)
            {
                progress.Note($"{Interference.Load(Machine.LoadAverage)}: figures that others disturb are marked");
            }
            try
            {
                result = run(progress.Say, signal.Token);
            }
            catch (Exception e) when (signal.Token.Explains(e))
            {
                result = new BenchResult(name);
            }
            catch (OfClientException e)
            {
                throw new OptionException($"the benchmark's own connection failed: {e.Message}", e);
            }
        }
        return Print(name, result, json, signal.Token.IsCancellationRequested);
    }

    private static int Print(string name, BenchResult result, bool json, bool isInterrupted)
    {
        if (isInterrupted)
        {
            result.Add("interrupted", true);
        }
        Console.Out.WriteLine(json ? result.ToJson() : result.ToText());
        foreach (string error in result.Errors)
        {
            Console.Error.WriteLine($"softswitch bench {name}: {error}");
        }
        if (isInterrupted)
        {
            Console.Error.WriteLine($"softswitch bench {name}: interrupted; this is what there was until then");
            return Interrupted;
        }
        return result.Errors.Count == 0 ? 0 : Unbelievable;
    }

    /// <summary>Names what is missing, and what installs it.</summary>
    /// <returns>The exit code.</returns>
    public static int SayMissing(string name, NotInstalledException e)
    {
        foreach (string line in e.Missing.Append($"{e.What} is not installed completely; on Debian or Ubuntu: {e.InstallLine}"))
        {
            Console.Error.WriteLine($"softswitch bench {name}: {line}");
        }
        return NotInstalled;
    }
}

#pragma warning disable CA1032 // it is of no use without what is missing
/// <summary>What a benchmark needs is not installed.</summary>
/// <param name="missing">A line for each thing that is not there.</param>
/// <param name="what">All of it together.</param>
internal sealed class NotInstalledException(IReadOnlyList<string> missing, string what, string installLine) : Exception
#pragma warning restore CA1032
{
    public IReadOnlyList<string> Missing => missing;

    public string What => what;

    public string InstallLine => installLine;
}
