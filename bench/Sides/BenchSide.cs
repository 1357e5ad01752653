using System.Text.Json.Nodes;
using Softswitch.Datapath.Flows;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Sides;

/// <summary>One turn of a side.</summary>
internal interface IBenchRound
{
    /// <summary>Other load of the machine meanwhile.</summary>
    Interference Interference { get; }
}

/// <summary>A side of a comparison, measured in turns with others.</summary>
internal interface IBenchSide : IDisposable
{
    /// <summary>As a key of results.</summary>
    string Name { get; }

    /// <summary>Whether a turn of it came to its end.</summary>
    bool IsMeasured { get; }
}

/// <summary>A side with the rounds measured of it.</summary>
internal abstract class BenchSide<TRound>(string name) : IBenchSide
    where TRound : IBenchRound
{
    public string Name => name;

    public List<TRound> Rounds { get; } = [];

    public bool IsMeasured => Rounds.Count > 0;

    public Interference Interference => Interference.Median([.. Rounds.Select(round => round.Interference)]);

    public double Median(Func<TRound, double> figure) => Statistic.Median([.. Rounds.Select(figure)]);

    /// <summary>The figure of each round.</summary>
    public JsonArray Each(Func<TRound, double> figure, int digits) =>
        [.. Rounds.Select(round => (JsonNode)Math.Round(figure(round), digits))];

    /// <summary>This side's figure by another's: the median of the rounds' ratios, as a round's two halves are neighbours in time.</summary>
    /// <returns>Null where no round has both.</returns>
    public double? RatioTo(BenchSide<TRound> other, Func<TRound, double> figure)
    {
        double[] ratios = [.. Rounds.Zip(other.Rounds, (a, b) => figure(b) > 0 ? figure(a) / figure(b) : 0).Where(ratio => ratio > 0)];
        return ratios.Length == 0 ? null : Math.Round(Statistic.Median(ratios), 2);
    }

    public abstract void Dispose();
}

/// <summary>A switch in a process of its own, with a testbed of its own. It stands still but while it is measured.</summary>
internal abstract class SwitchSide<TTestbed, TRound> : BenchSide<TRound>
    where TTestbed : IDisposable
    where TRound : IBenchRound
{
    /// <param name="testbed">The side's from now on.</param>
    /// <param name="start">Starts the switch there.</param>
    protected SwitchSide(string name, TTestbed testbed, Func<TTestbed, IoSwitch> start)
        : base(name)
    {
        Testbed = testbed;
        try
        {
            Switch = start(testbed);
        }
        catch
        {
            testbed.Dispose();
            throw;
        }
    }

    public TTestbed Testbed { get; }

    public IoSwitch Switch { get; }

    /// <summary>Lets the switch forward all that is sent until it has reached its full speed; it stands still then.</summary>
    /// <param name="entries">Its table.</param>
    public void Prepare(IEnumerable<(FlowMatch Match, ushort Output)> entries, CancellationToken cancellation)
    {
        Switch.Install(entries);
        WarmUp(cancellation);
        Rest();
    }

    /// <summary>One turn.</summary>
    public void Measure(Func<TRound> measure)
    {
        Resume();
        Rounds.Add(measure());
        Rest();
    }

    public override void Dispose()
    {
        Switch.Dispose();
        Testbed.Dispose();
    }

    protected abstract void WarmUp(CancellationToken cancellation);

    protected virtual void Rest() => Switch.Rest();

    protected virtual void Resume() => Switch.Resume();
}
