using System.CommandLine;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Processes;
using Softswitch.Lab;

namespace Softswitch.Scenarios.Sweeps;

/// <summary>What <c>softswitch scenario</c> does with <c>--sweep</c>, <c>--repeat</c> or <c>--figure</c>.</summary>
/// <remarks>This program stays in the machine's network and touches none of it. Each run is a program of its own, in a sandbox.</remarks>
internal static class SweepCommand
{
    private const int MostRepetitions = 100_000;

    private static readonly Option<string[]> Sweeps = new("--sweep")
    {
        HelpName = "KEY=A,B,...",
        Description = "Run once for each of these values; several make a grid.",
        DefaultValueFactory = static _ => [],
    };

    private static readonly Option<int?> Repeat = new("--repeat")
    {
        HelpName = "N",
        Description = "Run so often, each time with the next seed.",
    };

    private static readonly Option<string?> Figure = new("--figure")
    {
        HelpName = "NAME",
        Description = "Repeat one of the paper's figures; --list shows them.",
    };

    private static readonly Option<string?> Out = new("--out")
    {
        HelpName = "DIR",
        Description = "Where sweeps keep runs.csv, index.html and a file a run. The same command goes on where it stopped.",
    };

    public static IReadOnlyList<Option> Options { get; } = [Sweeps, Repeat, Figure, Out];

    /// <summary>Whether one is asked for, if only by half.</summary>
    public static bool IsAsked(ParseResult result) => Options.Any(option => IsGiven(result, option));

    /// <param name="chosen">One, or more than a sweep can take.</param>
    /// <param name="options">As for a single run.</param>
    /// <param name="settings">Each as behind <c>--set</c>.</param>
    /// <param name="strangers">Options that make no sense with it.</param>
    /// <param name="command">The command as typed.</param>
    /// <returns>The exit code.</returns>
    public static int Run(
        ParseResult result, IReadOnlyList<Scenario> chosen, ScenarioOptions options, string[] settings, IEnumerable<Option> strangers,
        string command)
    {
        if (Options.Where(option => option != Out).All(option => !IsGiven(result, option)))
        {
            throw new OptionException($"{Out.Name}: is for what {Sweeps.Name}, {Repeat.Name} or {Figure.Name} find");
        }
        Option asked = Options.First(option => IsGiven(result, option));
        if (strangers.FirstOrDefault(option => IsGiven(result, option)) is { } stranger)
        {
            throw new OptionException($"{asked.Name}: does not go with {stranger.Name}");
        }
        if (chosen.Count > 1)
        {
            throw new OptionException($"{asked.Name}: is for one scenario; name it");
        }
        if (result.GetValue(Repeat) is { } repeat and (< 1 or > MostRepetitions))
        {
            throw new OptionException($"{Repeat.Name}: '{repeat}' is not allowed; it is a whole number, 1 to {MostRepetitions}");
        }
        string folder = result.GetValue(Out)
            ?? throw new OptionException($"{asked.Name}: needs {Out.Name} DIR, where what it finds is kept");
        var request = new SweepRequest(settings, result.GetValue(Sweeps)!, result.GetValue(Figure), result.GetValue(Repeat));
        var plan = SweepPlan.Create(chosen[0], options, request);
        Sandbox.Check();
        return Run(plan, folder, command);
    }

    private static int Run(SweepPlan plan, string path, string command)
    {
        var origin = SweepOrigin.Read(plan.Scenario, plan.Options);
        IReadOnlyList<PaperPoint> paper = PaperPoint.Of(plan.Scenario);
        using SweepFolder folder = SweepFolder.Open(path, plan, origin);
        using var signal = new TerminationSignal(tidiesUp: true);
        var sweep = new Sweep(plan, folder, origin, Make, Console.Out.WriteLine, WritePage);
        try
        {
            bool passed = sweep.Run(signal.Token);
            WritePage(); // also where nothing was left to do: the paper's points may be more than before
            Console.Out.WriteLine($"{Path.Combine(path, SweepFolder.TableName)}, {Path.Combine(path, folder.PageName)}");
            return passed ? 0 : Scenario.NotPassed;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine($"softswitch scenario: interrupted after {folder.Runs.Count} runs; the same command goes on");
            return Scenario.Interrupted;
        }

        SweepOutcome Make(SweepPoint point)
        {
            SweepOutcome made = SweepProcess.Run(plan, point, signal.Token);
            // Its process may have been another program than the ones before.
            return SelfExecutable.ReadBuild() == origin.Build
                ? made
                : throw new OptionException($"{Out.Name}: the program was built anew while the sweep ran; give another folder");
        }

        void WritePage() => folder.WritePage(SweepPage.Format(plan, folder.Standing, command, paper));
    }

    private static bool IsGiven(ParseResult result, Option option) => result.GetResult(option) is { Implicit: false };
}
