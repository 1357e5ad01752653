using System.CommandLine;
using System.CommandLine.Parsing;
using Softswitch.Bench;
using Softswitch.Hosting;
using Softswitch.Lab.Demo;
using Softswitch.NetFpga;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Scenarios;

namespace Softswitch.Commands;

/// <summary>The commands, and what a person sees when one fails: a line for each thing that is wrong, exit code 2, no stack trace.</summary>
internal static class CommandLine
{
    private const int Failed = 2;

    private static readonly Option<bool> Verbose = new("--verbose")
    {
        Description = "with the stack trace where something unexpected goes wrong",
        Recursive = true,
    };

    public static int Run(string[] arguments)
    {
        string? asked = arguments.FirstOrDefault(argument => !argument.StartsWith('-'));
        if (asked == "run")
        {
            Capabilities.KeepThoseOfSwitch(); // first: the program starts again
        }
        RootCommand root = CreateRoot(name => name == asked);
        ParseResult parsed = root.Parse(arguments);
        string name = NameOf(parsed.CommandResult);
        if (parsed.Errors.Count > 0)
        {
            // Without a command that it knows, the parser also complains that there is none.
            IEnumerable<ParseError> errors = parsed.CommandResult.Command is RootCommand ? parsed.Errors.TakeLast(1) : parsed.Errors;
            return Fail(name, errors.Select(error => $"{error.Message.TrimEnd('.')} (see {name} --help)"));
        }
        try
        {
            // Exceptions come here, and signals to the command that runs.
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (Exception e) when (e is OptionException or PortException or SystemCallException or RegisterAccessException)
        {
            return Fail(name, e.Message.Split('\n'));
        }
#pragma warning disable CA1031 // the last line of defence: whatever it is, a person gets one line
        catch (Exception e)
#pragma warning restore CA1031
        {
            return Fail(name, parsed.GetValue(Verbose)
                ? [e.ToString()]
                : [$"unexpected {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")} (--verbose shows where)"]);
        }
    }

    /// <summary>All commands.</summary>
    /// <param name="isAsked">Whether a command is to be complete: some lack what an assembly would have to be loaded for.</param>
    public static RootCommand CreateRoot(Func<string, bool> isAsked) =>
        new("An OpenFlow 1.0 switch in user space.")
        {
            RunCommand.Create(),
            Loaded(isAsked, "demo", "Show the switch at work: needs no controller, interface or file, and touches nothing of the machine's network.", CreateDemo),
            OfctlCommand.Create(),
            StatusCommand.Create(),
            TopCommand.Create(),
            PortCommand.Create(),
            SwitchCommand.Create(),
            ConfigurationCommands.CreateReload(),
            ConfigurationCommands.CreateConfig(),
            DropsCommand.Create(),
            TraceCommand.Create(),
            CaptureCommand.Create(),
            NetFpgaCommand.Create(),
            ControllerCommand.Create(),
            Loaded(isAsked, "scenario", "Run a system from a paper: topology, controller and move in private namespaces; the paper's figure beside ours.", CreateScenario),
            Loaded(isAsked, "bench", "Measure the switch: packets, flow-mods, stalls and packet-ins, on ports in memory.", CreateBench),
            ManualCommand.Create(),
            Verbose,
        };

    /// <summary>A command of the lab's, benchmarks' or scenarios' assembly, which is loaded only for the one that was asked for.</summary>
    private static Command Loaded(Func<string, bool> isAsked, string name, string description, Func<Command> create)
    {
        Command command = isAsked(name) ? create() : new Command(name);
        command.Description = description;
        return command;
    }

    // Methods of their own, so that a switch that runs never compiles them: compiling would load the assembly.
    private static Command CreateDemo() => DemoCommand.Create();

    private static Command CreateScenario() => ScenarioCommand.Create();

    private static Command CreateBench() => BenchCommand.Create();

    /// <summary>As a person types it: <c>softswitch ofctl show</c>.</summary>
    private static string NameOf(CommandResult result) =>
        result.Parent is CommandResult parent ? $"{NameOf(parent)} {result.Command.Name}" : "softswitch";

    private static int Fail(string name, IEnumerable<string> lines)
    {
        try
        {
            foreach (string line in lines)
            {
                Console.Error.WriteLine($"{name}: {line}");
            }
        }
        catch (IOException)
        {
            // no place for it, such as on a full disk: the exit code says it still
        }
        return Failed;
    }
}
