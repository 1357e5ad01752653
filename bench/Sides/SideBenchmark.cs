using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Linux;

namespace Softswitch.Bench.Sides;

/// <summary>Options of a benchmark that measures this switch, and Open vSwitch in turns with it.</summary>
/// <param name="Seconds">Of a turn.</param>
/// <param name="Rounds">How often each side has its turn.</param>
internal abstract record SideOptions(double Seconds, int Rounds) : IBenchOptions
{
    /// <summary>Measured in turns with ours; null for ours alone.</summary>
    public OvsInstallation? OpenVSwitch { get; init; }

    public abstract BenchPlan Plan { get; }

    /// <summary>Huge pages for everything that uses them; null if nothing does.</summary>
    /// <exception cref="OptionException">There are too few.</exception>
    public virtual ReservedHugePages? Reserve() => null;

    protected int SideCount => OpenVSwitch == null ? 1 : 2;

    /// <param name="other">What it is called, for people.</param>
    protected string Beside(string other) => OpenVSwitch == null ? string.Empty : $", beside {other}";

    /// <summary>How it was measured, and where.</summary>
    public void Describe(BenchResult result)
    {
        result.Add("seconds", Seconds, 3);
        result.Add("rounds", Rounds);
        if (OpenVSwitch is { } installation)
        {
            result.Add("openVSwitch", installation.Version);
        }
        Machine.Describe(result);
    }
}

/// <summary>How sides are measured: of each row they are started and warmed up, have their turns, and are reported.</summary>
/// <remarks>
/// In each round each side is measured for a while as the others stand still. The first side changes from round to round, so that other load of
/// the machine hits all sides alike. Threads: one.
/// </remarks>
/// <param name="cancellation">Ends it early, with what was measured until then; all that was started is ended by then.</param>
internal abstract class SideBenchmark<TOptions, TRow, TSide>(string name, TOptions options, Action<string> progress, CancellationToken cancellation)
    where TOptions : SideOptions
    where TSide : IBenchSide
{
    protected BenchResult Result { get; } = new(name);

    protected TOptions Options => options;

    protected CancellationToken Cancellation => cancellation;

    /// <summary>Features that the kernel must have.</summary>
    protected virtual string Needs => "network namespaces";

    /// <exception cref="OptionException">It cannot be measured here, and why.</exception>
    public BenchResult Run(params IEnumerable<TRow> rows)
    {
        using ReservedHugePages? pages = options.Reserve();
        foreach (TRow row in rows.TakeWhile(_ => !cancellation.IsCancellationRequested))
        {
            Run(row);
        }
        Report();
        options.Describe(Result);
        return Result;
    }

    /// <summary>Keeps this process off the switch's processor. The first other one has what talks through the switch.</summary>
    /// <exception cref="OptionException">There is only one.</exception>
    protected static (int Others, int Switch) TakeProcessors()
    {
        (int forSwitch, int[] others) = WorkerPlacement.ProcessorsOfOneWorker();
        if (others.Contains(forSwitch))
        {
            throw new OptionException("two processors are needed: one for the switch, one for what talks through it");
        }
        WorkerPlacement.KeepOff(workers: 1);
        return (others[0], forSwitch);
    }

    /// <summary>For people; empty where there is one row.</summary>
    protected abstract string NameOf(TRow row);

    /// <summary>Starts the sides one after the other; each is prepared before the next starts.</summary>
    /// <param name="say">Takes where it is, for people.</param>
    protected abstract IEnumerable<TSide> Start(TRow row, Action<string> say);

    /// <summary>Fills a side's table and warms it up; it stands still then.</summary>
    protected abstract void Prepare(TRow row, TSide side);

    /// <summary>Measures of all sides together, before their turns.</summary>
    protected virtual void Begin(TRow row, IReadOnlyList<TSide> sides, Action<string> say)
    {
    }

    /// <summary>A round, in which each side has its turn.</summary>
    /// <param name="place">Which it is, for people.</param>
    protected virtual void TakeRound(TRow row, IReadOnlyList<TSide> sides, string place, Action<string> say)
    {
        foreach (TSide side in sides)
        {
            say($"{place}, {side.Name}");
            Measure(row, side, text => say($"{place}, {side.Name}: {text}"));
        }
    }

    /// <summary>One turn.</summary>
    protected abstract void Measure(TRow row, TSide side, Action<string> say);

    /// <summary>Reports a row.</summary>
    /// <param name="sides">The sides that had a turn; at least one.</param>
    protected abstract void Add(TRow row, IReadOnlyList<TSide> sides);

    /// <summary>Reports what is of all rows.</summary>
    protected abstract void Report();

    /// <summary>Whether the other rows can be measured all the same.</summary>
    protected virtual bool IsOfOneRow(Exception e) => e is CompareException or TestbedException or OfClientException;

    private void Run(TRow row)
    {
        List<TSide> sides = [];
        string prefix = NameOf(row) is { Length: > 0 } title ? $"{title}: " : string.Empty;
        try
        {
            cancellation.Attempt(() => TakeTurns(row, sides, text => progress(prefix + text)));
        }
        catch (Exception e) when (IsOfOneRow(e))
        {
            Result.Fail(prefix + e.Message);
        }
        catch (SystemCallException e) when (e.IsRefusal)
        {
            throw new OptionException($"{Needs} are needed ({e.Message}): run it as root", e);
        }
        finally
        {
            sides.ForEach(side => side.Dispose());
        }
        if (sides.FindAll(side => side.IsMeasured) is { Count: > 0 } measured)
        {
            Add(row, measured);
        }
    }

    private void TakeTurns(TRow row, List<TSide> sides, Action<string> say)
    {
        foreach (TSide side in Start(row, say))
        {
            sides.Add(side);
            Prepare(row, side);
        }
        Begin(row, sides, say);
        for (int round = 0; round < options.Rounds; round++)
        {
            TakeRound(row, round % 2 == 0 ? sides : [.. Enumerable.Reverse(sides)], $"round {round + 1} of {options.Rounds}", say);
        }
    }
}
