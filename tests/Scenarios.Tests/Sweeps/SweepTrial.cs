using System.Text.Json.Nodes;
using Softswitch.Lab.Measures;
using Softswitch.Scenarios.Sweeps;

namespace Softswitch.Scenarios.Tests.Sweeps;

/// <summary>A scenario that nothing runs, with a number and words to vary.</summary>
internal sealed class TrialScenario : Scenario
{
    public static readonly Parameter<int> Size = Parameter.Whole("size", "how long frames are", 100, 10, 100_000, "bytes");
    public static readonly Parameter<string> Kind = Parameter.Word("kind", "of ports", ["packet", "tap"]);
    public static readonly Measure Time = new("time_ms", "time, in ms");
    public static readonly Measure Lost = new("lost_packets", "packets lost");

    public override string Name => "trial";

    public override string Paper => "A paper";

    public override string Summary => "Something.";

    public override string WithGuests => "Nothing else.";

    public override IReadOnlyList<Parameter> Parameters { get; } = [Size, Kind];

    public override IReadOnlyList<Measure> Measures { get; } = [Time, Lost];

    public override IReadOnlyList<PaperFigure> PaperFigures { get; } =
        [new("fig1", "time over size", ["size=10,100,1000"], [Time]) { Settings = ["kind=tap"], Repeat = 2 }];

    public override void Check(ParameterValues values, ScenarioOptions options)
    {
        if (values.Get(Kind) == "tap" && values.Get(Size) > 9000)
        {
            throw new Hosting.Configuration.OptionException("size, kind: a TAP device takes no more than 9000");
        }
    }

    public override void Run(ScenarioRun run) => throw new NotSupportedException();
}

/// <summary>A sweep in a folder of its own, with made-up runs.</summary>
internal sealed class SweepTrial : IDisposable
{
    private static readonly Interference Calm = new(LoadAverage: 1, StolenShare: 0, Others: 0, Ours: 1);

    /// <summary>Others kept so many processors busy as no machine has.</summary>
    public static Interference Busy(double others = 1000) => new(LoadAverage: others, StolenShare: 0, Others: others, Ours: 1);

    public static readonly SweepOrigin Origin = new("trial", Small: false, Guests: false, "1.0", "abc", "a processor", 2, "6.1");

    public string Path { get; } = Directory.CreateTempSubdirectory("sweep").FullName;

    /// <summary>The settings of each run that was made, in order.</summary>
    public List<string> Made { get; } = [];

    public List<string> Lines { get; } = [];

    public static SweepPlan Plan(params string[] sweeps) => Plan(1, sweeps);

    public static SweepPlan Plan(int repeat, params string[] sweeps) =>
        SweepPlan.Create(new TrialScenario(), new ScenarioOptions(), new SweepRequest([], sweeps, Repeat: repeat));

    public static SweepOutcome Outcome(double time = 1, bool passed = true, Interference? machine = null) => new(
        new JsonObject
        {
            ["passed"] = passed,
            ["failure"] = null,
            ["measures"] = new JsonObject { ["time_ms"] = time },
            ["checks"] = new JsonArray(new JsonObject { ["what"] = "it arrives", ["wanted"] = "all", ["found"] = "half", ["holds"] = passed, ["judged"] = true }),
        },
        null, machine ?? Calm, DateTime.UnixEpoch, TimeSpan.FromSeconds(2));

    public SweepFolder Open(SweepPlan plan, SweepOrigin? origin = null) => SweepFolder.Open(Path, plan, origin ?? Origin);

    /// <returns>As of <see cref="Sweep.Run"/>.</returns>
    public bool Run(SweepPlan plan, Func<SweepPoint, SweepOutcome>? run = null)
    {
        SweepOrigin origin = Origin with { Small = plan.Options.Small };
        using SweepFolder folder = Open(plan, origin);
        return new Sweep(plan, folder, origin, Make, Lines.Add, () => folder.WritePage("<html>")).Run(TestContext.Current.CancellationToken);

        SweepOutcome Make(SweepPoint point)
        {
            Made.Add(string.Join(' ', point.Settings));
            return run?.Invoke(point) ?? Outcome();
        }
    }

    /// <summary>The table as whoever loads it sees it: rows by column.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, string>> ReadTable()
    {
        IReadOnlyList<string[]> rows = Csv.Parse(File.ReadAllText(System.IO.Path.Combine(Path, "runs.csv")));
        return [.. rows.Skip(1).Select(row => rows[0].Zip(row).ToDictionary(cell => cell.First, cell => cell.Second))];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
