using System.Text.Json.Nodes;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>How much the system carries without loss while nothing moves.</summary>
internal static class XenflowRates
{
    // Trials that must all be without loss at the highest rate.
    private const int Confirmations = 3;

    /// <summary>Searches it for each size.</summary>
    public static void Search(ScenarioRun run, XenflowLab lab)
    {
        foreach (PacketSize size in PacketSize.Of(run))
        {
            using XenflowTraffic traffic = XenflowTraffic.ForTrials(run, lab, size);
            XenflowTrial[] confirmed = FindHighest(run, size, traffic);
            long strays = confirmed.Sum(trial => trial.PacketIns + trial.Decided.Values.Sum());
            string found = $"{strays} of {confirmed.Sum(trial => trial.Offered)}";
            if (PacketSize.Of(run).Count == 1)
            {
                run.Record(XenflowMeasures.Offered, confirmed.Average(trial => trial.OfferedPerSecond));
            }
            run.Check($"{size.Name}: packets that met no entry at the highest rate without loss", "0", found, strays == 0);
        }
    }

    /// <summary>The highest rate, up to a gigabit's and the links', at which the path loses nothing while nothing moves.</summary>
    /// <returns>The trials that confirmed it.</returns>
    public static XenflowTrial[] FindHighest(ScenarioRun run, PacketSize size, XenflowTraffic traffic)
    {
        TimeSpan duration = TimeSpan.FromSeconds(run.Get(XenflowParameters.Duration));
        XenflowTrial Try(double rate) => traffic.Run(rate, duration / 2, run.Cancellation);
        double most = size.MostOver(run.Get(CommonParameters.LinkRate));
        XenflowTrial? found = new RateSearch(Tolerance: 0, Resolution: 0.1, Attempts: 3).Find(Try(most), Try);
        double rate = found?.Asked ?? throw new TestbedException($"{size.Name}: packets are lost at every rate, though nothing moves");
        XenflowTrial[] confirmed;
        while ((confirmed = [.. Enumerable.Range(0, Confirmations).Select(_ => traffic.Run(rate, duration, run.Cancellation))]).Sum(trial => trial.Lost) > 0)
        {
            rate *= 0.85;
        }
        double offered = confirmed.Average(trial => trial.OfferedPerSecond);
        run.Say($"{size.Name}: without any move nothing is lost at {rate:0} packets a second ({offered:0} on average, with the pauses of the generator)");
        run.Figure(
            $"{size.Name}: highest rate without loss while nothing moves", size.FrameLength > 1000 ? "about 8,000 a second" : "none given",
            $"{rate:0} a second ({100 * rate / size.LineRate:0} % of 1 Gbit/s); {offered:0} on average, with the pauses of the generator");
        if (PacketSize.Of(run).Count == 1)
        {
            run.Record(XenflowMeasures.HighestRate, rate);
        }
        return confirmed;
    }

    /// <summary>64-byte frames of a thousand exact flows from memory on one core, while a hundred thousand flow-mods a second come: interfaces of namespaces do not carry the line rate.</summary>
    public static void MeasureFromMemory(ScenarioRun run)
    {
        JsonObject churn = ScenarioBench.Run(run, (0.4, 2), "churn", "--flows", "1000", "--rate", "100000");
        double rate = churn["mpps"]!.GetValue<double>();
        long lost = churn["lost"]!.GetValue<long>();
        run.Record(XenflowMeasures.MemoryRate, rate);
        run.Figure("64-byte frames of 1,000 flows while entries come and go, one core, from memory", "none given (1 Gbit/s ports)", $"{rate:0.0} Mpps, {lost} lost");
        run.CheckTime(
            "1,000 flows at the line rate of 1 Gbit/s on one core while 100,000 entries a second come and go, from memory",
            $"{ScenarioBench.LineRate:0.000} Mpps, 0 lost", $"{rate:0.0} Mpps, {lost} lost", rate >= ScenarioBench.LineRate && lost == 0);
    }
}
