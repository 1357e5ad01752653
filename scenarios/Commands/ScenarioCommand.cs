using System.CommandLine;
using System.Text.Json.Nodes;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Processes;
using Softswitch.Lab;
using Softswitch.Lab.Machines;
using Softswitch.Scenarios.Report;
using Softswitch.Scenarios.Sweeps;
using Spectre.Console;

namespace Softswitch.Scenarios.Commands;

/// <summary><c>softswitch scenario</c>: systems from papers, rebuilt in private namespaces, with their figures.</summary>
/// <remarks>Exit codes: 0 all passed, 1 one has not, 2 wrong usage, 130 interrupted.</remarks>
internal static class ScenarioCommand
{
    private const string Everything = "all";
    private static readonly Argument<string> Name = new("name")
    {
        Description = $"One of {string.Join(", ", ScenarioRunner.All.Select(scenario => scenario.Name))}, or {Everything}.",
    };

    private static readonly Option<bool> Keep = new("--keep") { Description = "Leave it running afterwards, and say how to look around, until Ctrl-C." };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object on one line." };
    private static readonly Option<bool> Small = new("--small") { Description = "At small scale: fewer packets, flows and moves. Times are shown and decide nothing." };
    private static readonly Option<string?> Pcap = new("--pcap") { HelpName = "DIR", Description = "Write captures of the cables that are looked at to this folder." };

    private static readonly Option<bool> Guests = new("--vm") { Description = "What moves is a QEMU guest that migrates live." };

    private static readonly Option<string?> Report = new("--report") { HelpName = "DIR", Description = "Write a page for people, index.html, to this folder." };

    private static readonly Option<bool> List = new("--list") { Description = "Show what can be varied, what is measured, and the paper's figures that can be repeated." };

    private static readonly Option<string[]> Set = new("--set")
    {
        HelpName = "KEY=VALUE[,...]",
        Description = "Vary the scenario; --list shows its parameters.",
        DefaultValueFactory = static _ => [],
    };

    public static Command Create()
    {
        var command = new Command("scenario")
        {
            Name, List, Set, Keep, Json, Small, Guests, Pcap, Report,
        };
        SweepCommand.Options.ToList().ForEach(command.Options.Add);
        command.SetAction(result =>
        {
            IReadOnlyList<Scenario> chosen = Choose(result.GetRequiredValue(Name));
            var options = new ScenarioOptions
            {
                Keep = result.GetValue(Keep),
                Small = result.GetValue(Small),
                UsesGuests = result.GetValue(Guests),
            };
            if (result.GetValue(List))
            {
                chosen.ToList().ForEach(scenario => Console.Out.WriteLine(ScenarioList.Format(scenario, options)));
                return 0;
            }
            string[] settings = result.GetValue(Set)!;
            string[] words = [.. result.Tokens.Select(token => token.Value)];
            string typed = $"./softswitch {string.Join(' ', words.Select(Quote))}";
            // Said before anything is started.
            if (options.UsesGuests && GuestImage.FindMissing() is { } missing)
            {
                throw new OptionException($"{Guests.Name}: {missing}");
            }
            if (SweepCommand.IsAsked(result))
            {
                return SweepCommand.Run(result, chosen, options, settings, [Keep, Json, Report, Pcap], typed);
            }
            options = options with { CaptureFolder = OpenFolder(Pcap, result.GetValue(Pcap)) };
            if (settings.Length > 0 && chosen.Count > 1)
            {
                throw new OptionException($"{Set.Name}: varies one scenario; name it instead of {Everything}");
            }
            (Scenario Scenario, ParameterValues Values)[] runs = [.. chosen.Select(scenario => (scenario, ReadSettings(scenario, options, settings)))];
            string? report = OpenFolder(Report, result.GetValue(Report));
            if (options.Keep && chosen.Count > 1)
            {
                throw new OptionException($"--keep: leaves one scenario running; name it instead of {Everything}");
            }
            Sandbox.Enter(words);
            return Run(runs, options, result.GetValue(Json), report, typed);
        });
        return command;
    }

    /// <summary>A word as a shell takes it.</summary>
    private static string Quote(string word) =>
        word.Length > 0 && word.All(one => char.IsAsciiLetterOrDigit(one) || "_./=,:+-".Contains(one, StringComparison.Ordinal))
            ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static ParameterValues ReadSettings(Scenario scenario, ScenarioOptions options, string[] settings)
    {
        try
        {
            return ParameterValues.Parse(scenario, options, settings);
        }
        catch (OptionException e)
        {
            throw new OptionException($"{Set.Name}: {e.Message}", e);
        }
    }

    private static IReadOnlyList<Scenario> Choose(string name) =>
        name == Everything ? ScenarioRunner.All
        : ScenarioRunner.All.FirstOrDefault(scenario => scenario.Name == name) is { } one ? [one]
        : throw new OptionException($"'{name}' is no scenario; there are {string.Join(", ", ScenarioRunner.All.Select(scenario => scenario.Name))} and {Everything}");

    private static string? OpenFolder(Option option, string? folder) => folder == null ? null : OutputFolder.Open(option.Name, folder);

    private static string WritePage(string folder, IReadOnlyList<ScenarioResult> results, string command)
    {
        try
        {
            return ScenarioPage.Write(folder, results, command);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionException($"{Report.Name}: {e.Message}", e);
        }
    }

    private static int Run((Scenario Scenario, ParameterValues Values)[] runs, ScenarioOptions options, bool json, string? report, string command)
    {
        using var signal = new TerminationSignal(tidiesUp: true);
        SweepProcess.EndWithOwner();
        var results = new List<ScenarioResult>();
        bool live = !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Ansi;
        // A program that reads JSON still has a person behind it, who may want to see how far it is.
        TextWriter events = json ? Console.Error : Console.Out;
        try
        {
            foreach ((Scenario scenario, ParameterValues values) in runs)
            {
                ScenarioRunner.Run(scenario, options, values, line => events.WriteLine($"{scenario.Name} {line}"), Show, signal);
            }
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("softswitch scenario: interrupted");
            return Scenario.Interrupted;
        }
        bool passed = results.TrueForAll(result => result.Passed);
        if (json)
        {
            Console.Out.WriteLine(new JsonObject { ["passed"] = passed, ["scenarios"] = new JsonArray([.. results.Select(result => result.ToJson())]) }.ToJsonString());
        }
        return passed ? 0 : Scenario.NotPassed;

        void Show(ScenarioResult result)
        {
            results.Add(result);
            if (report != null)
            {
                // After each: what is there is not lost with what is interrupted.
                events.WriteLine($"report: {WritePage(report, results, command)}");
            }
            if (json)
            {
                return;
            }
            if (live)
            {
                ScenarioText.Show(result);
            }
            else
            {
                Console.Out.WriteLine($"\n{ScenarioText.Format(result)}\n");
            }
        }
    }
}
