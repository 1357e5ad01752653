
namespace Softswitch.Scenarios.Mat;

/// <summary>Packets a second through translations, from memory, one core: of a thousand flows, alone and among all others, in turns.</summary>
internal static class MatRates
{
    private const double MostSlowdown = 0.05;
    private const double CardRate = 4 * ScenarioBench.LineRate; // of a NetFPGA's four ports
    private const int InUse = 1000;

    public static Measure Few { get; } = new("few_max_mpps", "through a thousand translations on one core (highest), Mpps");

    public static Measure All { get; } = new("held_max_mpps", "the same among all that are held (highest), Mpps");

    public static IReadOnlyList<Measure> Measures { get; } = [Few, All];

    public static void Compare(ScenarioRun run)
    {
        int many = run.Get(MatHeld.Translations);
        int inUse = Math.Min(InUse, many);
        var few = new List<double>();
        var all = new List<double>();
        for (int round = 0; round < run.Scale(5, 1); round++)
        {
            few.Add(Measure(run, inUse, inUse));
            all.Add(Measure(run, many, inUse));
        }
        // A core does several times what the ports of the paper's card can bring it; what counts is whether it still does as much as they do.
        double fewThrough = Math.Min(few.Max(), CardRate);
        double slowdown = (fewThrough - Math.Min(all.Max(), CardRate)) / fewThrough;
        run.Figure(
            $"forwarding on one core with {many} translations held", "none given",
            $"{all.Max():0.0} Mpps, with {inUse} of them {few.Max():0.0} ({(few.Max() - all.Max()) / few.Max():0 %} less)");
        run.CheckTime(
            $"throughput of four ports of 1 Gbit/s lost to holding {many} translations", $"at most {MostSlowdown:0 %} of {CardRate:0.00} Mpps", $"{Math.Max(0, slowdown):0.0 %}",
            slowdown <= MostSlowdown);
        run.Record(Few, few.Max());
        run.Record(All, all.Max());
    }

    private static double Measure(ScenarioRun run, int flows, int inUse) => ScenarioBench.Run(
        run, (0.2, 0.6), "pipeline", "--match", "l3", "--actions", "readdress", "--flows", $"{flows}", "--traffic", $"{inUse}")["mppsPerCpu"]!.GetValue<double>();
}
