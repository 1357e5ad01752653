using System.Diagnostics;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Mat;

/// <summary>MAT: a mobile node keeps its address while switches translate it to that of where it is, across a router that knows nothing of it.</summary>
internal sealed class MatScenario : Scenario
{
    private const string Everything = "all";
    private const string Moves = "moves";
    private const string Held = "held";
    private const string Rates = "rates";

    public override string Name => "mat";

    public override string Paper => "A Proposal of an IP Mobility Support System Using OpenFlow Framework (MAT by the switches)";

    public override string Summary =>
        "A correspondent sends to a mobile node's home address; switches translate it to the address of the network where the node is, and back, on both sides of a router of the "
        + "kernel's. The node moves between networks and says so by RARP alone; the controller probes it by ARP, learns its address, changes all switches and sends barriers.";

    public override string WithGuests =>
        "The mobile node is a QEMU guest with a Linux of its own, and moves by live migration; the RARP is QEMU's. It answers and sends back itself, "
        + "so streams go there and back, and what QEMU and emulation take is shown and not judged.";

    public static Parameter<string> Part { get; } = Parameter.Word(
        "part",
        "what runs: all, one move with translations held; moves without any (moves); all moves with them (held); "
        + "one core without hosts (rates)",
        [Everything, Moves, Held, Rates]);

    public static Measure SetUp { get; } = new("setup_s", "from nothing to the mobile node registered, s");

    public static Measure Memory { get; } = new("resident_mbytes", "memory of the process, with all switches, MB");

    public override IReadOnlyList<Parameter> Parameters { get; } = [Part, .. OfMoves, .. MatHeld.Parameters, .. OfCables];

    public override IReadOnlyList<Measure> Measures { get; } = [.. MatMoves.Measures, .. MatHeld.Measures, .. MatRates.Measures, SetUp, Memory];

    public override IReadOnlyList<PaperFigure> PaperFigures { get; } =
    [
        new("update-switches", "an update over the number of switches, which the paper leaves to be evaluated (section 5)",
            [$"{MatLab.NetworkCount.Key}=2,3,5,10,20,30,50"],
            [MatMoves.UpdateMedian, MatMoves.Busy, MatMoves.Lost, MatMoves.FlowMods, Memory])
        {
            Settings = [$"{Part.Key}={Moves}"],
        },
        new("update-translations", "an update over the translations that every switch holds, which the paper leaves to be evaluated (section 5)",
            [$"{MatHeld.Translations.Key}=10,100,1000,10000,100000", $"{MatLab.Deletion.Key}=strict,non-strict"],
            [MatMoves.UpdateMedian, MatMoves.Confirming, MatMoves.Lost, MatHeld.Adding])
        {
            Settings = [$"{Part.Key}={Held}", $"{MatHeld.HeldBy.Key}=all"],
        },
        new("rate-translations", "packets a second of one core over the translations it holds",
            [$"{MatHeld.Translations.Key}=10,100,1000,10000,100000"], [MatRates.All])
        {
            Settings = [$"{Part.Key}={Rates}"],
        },
    ];

    /// <summary>Of what there is when a node moves.</summary>
    private static IReadOnlyList<Parameter> OfMoves => [.. MatMoves.Parameters, MatLab.NetworkCount, .. MatLab.Parameters];

    private static IReadOnlyList<Parameter> OfCables => [CommonParameters.Backend, CommonParameters.Device, CommonParameters.LinkRate];

    private static Dictionary<Parameter, string[]> MattersTo { get; } =
        new(OfMoves.Concat(OfCables).Select(one => KeyValuePair.Create(one, (string[])[Everything, Moves, Held])))
        {
            // Not the whole: all moves but its last are made before any are held.
            [MatHeld.Translations] = [Held, Rates],
            [MatHeld.HeldBy] = [Held],
            [MatHeld.Modified] = [Everything, Held],
        };

    public override void Check(ParameterValues values, ScenarioOptions options)
    {
        values.CheckPart(Part, MattersTo);
        InsertionOrder.Check(values, MatLab.Order, MatLab.Barriers, MatLab.MakeBeforeBreak);
        if (MatHeld.FindObstacle(values) is { } obstacle)
        {
            throw new OptionException(obstacle);
        }
        if (options.UsesGuests && values.Get(Part) == Rates)
        {
            throw new OptionException($"{Part.Key}: {Rates} is without a node that could be a guest");
        }
    }

    public override void Run(ScenarioRun run)
    {
        string part = run.Get(Part);
        if (part != Rates)
        {
            Move(run, part);
        }
        if (part is Everything or Rates)
        {
            MatRates.Compare(run);
        }
    }

    private static void Move(ScenarioRun run, string part)
    {
        var lab = new MatLab(run);
        lab.Register(run);
        run.Record(SetUp, Stopwatch.GetElapsedTime(run.Result.Timeline.Start).TotalSeconds);
        run.KeepTables("before");
        MatDatagrams.Check(run, lab);
        MatMoves.Rehearse(run, lab);

        var moves = new MatMoves(run, lab);
        if (part != Held)
        {
            moves.Make(run.Get(MatMoves.Count));
        }
        if (part != Moves)
        {
            MatHeld.Hold(run, lab, moves.Udp);
            // With all of them in the table.
            moves.Make(part == Held ? run.Get(MatMoves.Count) : 1);
        }
        run.Record(Memory, Machine.ResidentBytes / 1e6);
        moves.End();
        run.KeepTables("after");
        moves.AddCharts();
    }
}
