using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Softswitch.Hosting.Configuration;
using Softswitch.NetFpga.Registers;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Commands;

/// <summary>The commands, and what a person sees when one fails: a line for each thing that is wrong, exit code 2, no stack trace.</summary>
internal static class CommandLine
{
    private const string Program = "softswitch";
    private const int Failed = 2;

    private static readonly Option<bool> Verbose = new("--verbose")
    {
        Description = "with the stack trace where something unexpected goes wrong",
        Recursive = true,
    };

    /// <summary>In the order of the help. With a line instead of a way to make it: what the laboratory's program has.</summary>
    private static readonly Entry[] Commands =
    [
        new("run", RunCommand.Create),
        new("demo", Line: "Show the switch at work: needs no controller, interface or file, and touches nothing of the machine's network."),
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
        new("scenario", Line: "Run a system from a paper: topology, controller and move in private namespaces; the paper's figure beside ours."),
        new("bench", Line: "Measure the switch: packets, flow-mods, stalls and packet-ins, on ports in memory."),
        new("manual", Line: "Write the pages of the manual and the completion for bash.", IsHidden: true),
    ];

    /// <param name="laboratory">For the laboratory's program: its commands by name. For the switch's, null: it starts the other in its place.</param>
    public static int Run(string[] arguments, IReadOnlyDictionary<string, Func<Command>>? laboratory = null)
    {
        PrintableWriter.SetUp();
        string? asked = arguments.FirstOrDefault(argument => !argument.StartsWith('-'));
        Entry[] known = laboratory == null ? Commands : Array.FindAll(Commands, command => command.Create == null);
        Entry? one = Array.Find(known, command => command.Name == asked);
        if (one is { Name: "run" })
        {
            Capabilities.KeepThoseOfSwitch(); // first: the program starts again
        }
        if (laboratory == null && one is { Create: null })
        {
            return Fail($"{Program} {asked}", [LaboratoryProgram.Start(arguments)]);
        }
        // The one that was asked for, alone: making the others would take longer than many a tool runs. All for what is none, so that the help names them.
        Command root = CreateRoot(one == null ? known : [one], laboratory);
        ParseResult parsed = root.Parse(arguments);
        string name = NameOf(parsed.CommandResult);
        if (parsed.Errors.Count > 0)
        {
            // Without a command that it knows, the parser also complains that there is none.
            IEnumerable<ParseError> errors = parsed.CommandResult.Parent == null ? parsed.Errors.TakeLast(1) : parsed.Errors;
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
    public static Command CreateRoot(IReadOnlyDictionary<string, Func<Command>> laboratory) => CreateRoot(Commands, laboratory);

    private static Command CreateRoot(Entry[] entries, IReadOnlyDictionary<string, Func<Command>>? laboratory)
    {
        Command root = new(Program, "An OpenFlow 1.0 switch in user space.") { new HelpOption(), new VersionOption(), Verbose };
        foreach (Entry entry in entries)
        {
            Func<Command> create = entry.Create ?? laboratory?[entry.Name] ?? (() => new Command(entry.Name));
            Command command = create();
            command.Description = entry.Line ?? command.Description;
            command.Hidden = entry.IsHidden;
            root.Subcommands.Add(command);
        }
        return root;
    }

    /// <summary>As a person types it: <c>softswitch ofctl show</c>.</summary>
    private static string NameOf(CommandResult result) =>
        result.Parent is CommandResult parent ? $"{NameOf(parent)} {result.Command.Name}" : Program;

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

    private sealed record Entry(string Name, Func<Command>? Create = null, string? Line = null, bool IsHidden = false);
}
