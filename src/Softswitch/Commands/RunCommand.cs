using System.CommandLine;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Processes;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.TakeOver;
using Softswitch.OfAgent.Connections;
using Softswitch.Web;

namespace Softswitch.Commands;

/// <summary><c>softswitch run</c>: the switch, until SIGINT or SIGTERM.</summary>
internal static class RunCommand
{
    private static readonly Option<string?> Config = new("--config")
    {
        HelpName = "FILE",
        Description = "settings from a YAML file with these options' names as keys; the command line wins",
    };

    private static readonly Option<bool> Check = new("--check")
    {
        Description = "say what is wrong with options and file, a line for each mistake, and start nothing; exit code 0 if nothing is, else 2",
    };

    public static Command Create()
    {
        var command = new Command("run", "Run the switch until SIGINT or SIGTERM; 'ready' on standard output means that it forwards.") { Config, Check };
        foreach (SwitchOption option in SwitchOption.All)
        {
            command.Options.Add(CreateOption(option));
        }
        command.SetAction(result => result.GetValue(Check) ? Approve(Read(result), result.GetValue(Config)) : Run(Read(result)));
        return command;
    }

    /// <summary>What <c>run</c> starts with these arguments.</summary>
    /// <exception cref="OptionException">A line for each setting that is wrong.</exception>
    internal static SwitchGroupOptions Read(IReadOnlyList<string> arguments)
    {
        ParseResult result = Create().Parse(arguments);
        return result.Errors.Count == 0 ? Read(result) : throw new OptionException([.. result.Errors.Select(error => error.Message)]);
    }

    private static SwitchGroupOptions Read(ParseResult result)
    {
        List<Setting> settings = [];
        foreach (Option<string[]> given in result.CommandResult.Command.Options.OfType<Option<string[]>>())
        {
            settings.AddRange(ValuesOf(given, result).Select(value => new Setting(given.Name[2..], value, given.Name)));
        }
        string? file = result.GetValue(Config);
        ConfigurationSource source = numbering => Read(settings, file, numbering);
        return source(null) with { Source = file == null ? null : source };
    }

    /// <summary>What the command line has not said, the file may say.</summary>
    private static SwitchGroupOptions Read(List<Setting> commandLine, string? file, Func<string, PortNumbering?>? numbering)
    {
        List<string> errors = [];
        return GroupOptionsReader.Read(commandLine, file == null ? null : SettingsFile.Read(file, errors), numbering, errors);
    }

    private static int Approve(SwitchGroupOptions given, string? file)
    {
        IReadOnlyList<SwitchOptions> switches = GroupConfiguration.Check(given, withFlows: true).Switches;
        string number = given.IsPlain ? string.Empty : $"{Quantity.Of(switches.Count, "switch")}, ";
        Console.Out.WriteLine(
            $"{file ?? "the command line"}: fit to start with: {number}{Quantity.Of(switches.Sum(one => one.Ports.Count), "port")}, "
            + $"{Quantity.Of(switches.Sum(one => one.Agent.Controllers.Count), "controller")}, "
            + Quantity.Of(switches.Sum(one => one.Agent.Listeners.Count), "listener"));
        return 0;
    }

    /// <summary>What was given for an option; a flag alone is true.</summary>
    internal static string[] ValuesOf(Option<string[]> option, ParseResult result) =>
        result.GetValue(option) is { Length: > 0 } values ? values : result.GetResult(option) is { Implicit: false } ? ["true"] : [];

    // Every value is text here: one reader judges what comes from either source, and names it in errors.
    internal static Option<string[]> CreateOption(SwitchOption option) => new($"--{option.Name}")
    {
        HelpName = option.Argument,
        Description = option.Description,
        Arity = option.IsFlag ? ArgumentArity.ZeroOrMore : ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    private static int Run(SwitchGroupOptions options)
    {
        CheckOpenFiles();
        ThreadPoolSetup.Fill();
        using StreamLog log = StreamLog.ToStandardError(options.LogFormat, options.LogLevel);
        using AutoResetEvent reload = new(initialState: false); // signals that come while one is under way are one
        using var signal = new TerminationSignal(onReload: () => reload.Set());
        using HandoverTarget? taker = options.TakeOver is { } target ? HandoverTarget.Begin(target, signal.Token) : null;
        Socket? taken = options.Web == null ? null : taker?.TakeListener(LabelOf(options.Web));
        using ListeningSocket? listener = options.Web == null ? null : new ListeningSocket(taken ?? OpenWeb(options.Web)) { IsForeign = taken != null };
        Action<string> say = line => Say(line, log);
        using SwitchGroup group = SwitchGroup.Start(options with { IsNamedByDefault = true }, say, log, taker);
        if (listener != null)
        {
            listener.IsForeign = false;
            group.AddListener(LabelOf(options.Web!), listener);
        }
        group.Serve(() => ServeTools(group));
        using IDisposable? web = listener == null ? null : StartWeb(group, listener, say);
        using var manager = ServiceManager.FromEnvironment();
        using ServiceWatch? watch = manager.IsPresent ? new ServiceWatch(group, manager, log) : null;
        say("ready");
        if (taker != null)
        {
            manager.TakenOver();
        }
        watch?.Start();
        group.Manager = manager;
        if (manager.IsPresent && group.Switches is [var alone])
        {
            alone.Handover.Prepare();
        }
        while (WaitHandle.WaitAny([signal.Token.WaitHandle, group.Failed.WaitHandle, group.Given.WaitHandle, reload]) is 3)
        {
            Reload(group, log);
        }
        if (group.Given.IsCancellationRequested)
        {
            log.Dispose();
            Environment.Exit(0); // nothing is closed in order: the sockets are another process's by now
        }
        group.ThrowIfFailed();
        HostLog.Stopping(log, signal.Reason);
        manager.Stopping();
        return 0;
    }

    /// <summary>What is open. A switch works without anybody being able to read that, such as on a full disk.</summary>
    private static void Say(string line, StreamLog log)
    {
        try
        {
            Console.Out.WriteLine(line);
        }
        catch (IOException e)
        {
            HostLog.Warn(log, $"standard output: {e.Message}");
            Console.SetOut(TextWriter.Null);
        }
    }

    private static string LabelOf(IPEndPoint web) => $"web {web}";

    private static void Reload(SwitchGroup group, StreamLog log)
    {
        try
        {
            group.Reload("SIGHUP");
        }
        catch (OptionException e)
        {
            HostLog.Warn(log, $"SIGHUP: refused: {string.Join("; ", e.Message.Split('\n'))}"); // the switch goes on as it was
        }
    }

    // Apart, so that a switch that nobody asks loads no web server: compiling the call would.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static IConnectionServer ServeTools(SwitchGroup group) => ManagementServer.CreateServer(group);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Socket OpenWeb(IPEndPoint address) => WebListener.Open(address);

    [MethodImpl(MethodImplOptions.NoInlining)]
    [SuppressMessage("Performance", "CA1859", Justification = "whoever calls what returns a WebServer loads it")]
    private static IDisposable StartWeb(SwitchGroup group, ListeningSocket listener, Action<string> say) => WebServer.Start(group, listener, say);

    /// <summary>Below that many, .NET and the switch itself fail in places that name no reason.</summary>
    private static void CheckOpenFiles()
    {
        const int least = 100;
        // The hard limit is what .NET takes at its start.
        string line = File.ReadLines("/proc/self/limits").FirstOrDefault(line => line.StartsWith("Max open files", StringComparison.Ordinal)) ?? string.Empty;
        if (line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, _, _, string hard, ..] && int.TryParse(hard, out int limit) && limit < least)
        {
            throw new OptionException($"the limit of open files is {limit}, and the switch needs {least} or more (ulimit -n, LimitNOFILE= of systemd)");
        }
    }
}
