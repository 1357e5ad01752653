using System.CommandLine;
using System.CommandLine.Parsing;
using Softswitch.Bench.Commands;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Demo;
using Softswitch.NetFpga.Registers;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;
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

    /// <summary>In the order of the help. With a line where making one loads the lab's, the benchmarks' or the scenarios' assembly.</summary>
    private static readonly Entry[] Commands =
    [
        new("run", RunCommand.Create),
        new("demo", CreateDemo, "Show the switch at work: needs no controller, interface or file, and touches nothing of the machine's network."),
        new("ofctl", OfctlCommand.Create),
        new("status", StatusCommand.Create),
        new("top", TopCommand.Create),
        new("port", PortCommand.Create),
        new("switch", SwitchCommand.Create),
        new("reload", ConfigurationCommands.CreateReload),
        new("config", ConfigurationCommands.CreateConfig),
        new("drops", DropsCommand.Create),
        new("trace", TraceCommand.Create),
        new("capture", CaptureCommand.Create),
        new("netfpga", NetFpgaCommand.Create),
        new("controller", ControllerCommand.Create),
        new("scenario", CreateScenario, "Run a system from a paper: topology, controller and move in private namespaces; the paper's figure beside ours."),
        new("bench", CreateBench, "Measure the switch: packets, flow-mods, stalls and packet-ins, on ports in memory."),
        new("manual", ManualCommand.Create),
    ];

    public static int Run(string[] arguments)
    {
        string? asked = arguments.FirstOrDefault(argument => !argument.StartsWith('-'));
        if (asked == "run")
        {
            Capabilities.KeepThoseOfSwitch(); // first: the program starts again
        }
        RootCommand root = CreateRoot(asked);
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

    /// <summary>All commands, complete.</summary>
    public static RootCommand CreateRoot() => CreateRoot(Commands, isComplete: true);

    /// <summary>The command that was asked for, alone: making the others would take longer than many a tool runs. All for what is none, so that the help names them.</summary>
    private static RootCommand CreateRoot(string? asked) =>
        Array.FindAll(Commands, command => command.Name == asked) is { Length: > 0 } one ? CreateRoot(one, isComplete: true) : CreateRoot(Commands, isComplete: false);

    /// <param name="isComplete">Whether also those that an assembly has to be loaded for; else these have a name and a line.</param>
    private static RootCommand CreateRoot(Entry[] commands, bool isComplete)
    {
        RootCommand root = new("An OpenFlow 1.0 switch in user space.") { Verbose };
        foreach (Entry entry in commands)
        {
            Command command = isComplete || entry.Line == null ? entry.Create() : new Command(entry.Name);
            command.Description = entry.Line ?? command.Description;
            root.Subcommands.Add(command);
        }
        return root;
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

    private sealed record Entry(string Name, Func<Command> Create, string? Line = null);
}
