using System.CommandLine;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.Commands;

/// <summary>What the sub-commands of <see cref="OfctlCommand"/> share: the connection, what they read, and how they report.</summary>
internal static class OfctlSession
{
    public const int Done = 0;
    private const int SwitchError = 1;
    public const int Failed = 2;
    private const int MostErrorsShown = 10;

    public static readonly Option<double> TimeoutOption = new("--timeout", "-t")
    {
        Description = "Seconds to wait for the switch.",
        DefaultValueFactory = _ => 10,
        Recursive = true,
    };

    public static readonly Option<string> ProtocolsOption = new("--protocols", "-O")
    {
        Description = "For scripts written for ovs-ofctl; OpenFlow10 is all there is.",
        Hidden = true,
        Recursive = true,
    };

    private static readonly TimeSpan NamePatience = TimeSpan.FromSeconds(10);

    private static readonly Argument<string> TargetArgument = new("target")
    {
        Description = $"{ConnectionTarget.ActiveForms}, or the name of a running switch",
    };

    /// <summary>Adds a sub-command that talks to a switch.</summary>
    public static void Add(Command parent, Command command, Func<OfClient, ParseResult, int> body)
    {
        command.Arguments.Insert(0, TargetArgument);
        command.SetAction(parsed => Run(parsed, body));
        parent.Subcommands.Add(command);
    }

    private static int Run(ParseResult parsed, Func<OfClient, ParseResult, int> body) =>
        Guard(parsed, () => WithClient(parsed, parsed.GetRequiredValue(TargetArgument), client => body(client, parsed)));

    /// <summary>Connects, and closes the connection after <paramref name="body"/>. Under <see cref="Guard"/>.</summary>
    public static T WithClient<T>(ParseResult parsed, string target, Func<OfClient, T> body)
    {
        target = Locate(target);
        using TlsCredentials? tls = TlsOptions.Load(parsed, target);
        using OfClient client = OfClient.Connect(target, TimeSpan.FromSeconds(parsed.GetValue(TimeoutOption)), tls);
        return body(client);
    }

    /// <summary>Where a switch of this host listens, if the target is its name; else the target. What needs no certificate comes first.</summary>
    /// <exception cref="OptionException">It has no such place.</exception>
    private static string Locate(string target)
    {
        if (!ControlSockets.IsName(target))
        {
            return target;
        }
        IReadOnlyList<string> listeners = ManagementClient.ReadReportOf(target, NamePatience).Switch?.Listeners
            ?? throw new OptionException($"target: '{target}': a process of several switches; name one of them");
        return listeners.OrderBy(one => one.StartsWith("ssl:", StringComparison.Ordinal)).FirstOrDefault()
            ?? throw new OptionException($"target: '{target}': the switch listens nowhere; start it with --listen punix:PATH or the like");
    }

    /// <summary>Checks what all sub-commands share, and reports what keeps one from its work.</summary>
    public static int Guard(ParseResult parsed, Func<int> body)
    {
        string? protocols = parsed.GetValue(ProtocolsOption);
        if (protocols is not null && !protocols.Contains("OpenFlow10", StringComparison.OrdinalIgnoreCase))
        {
            return Fail($"-O {protocols}: only OpenFlow10 is spoken here");
        }
        double seconds = parsed.GetValue(TimeoutOption);
        if (seconds is not (> 0 and <= 86_400))
        {
            return Fail($"--timeout {seconds}: more than 0 and at most 86400 seconds are needed");
        }
        try
        {
            return body();
        }
        catch (OfClientException e)
        {
            return Fail(e.Message);
        }
        catch (IOException e)
        {
            // Standard output is a pipe whose reader has gone.
            return Fail(e.Message);
        }
    }

    public static int Fail(string reason)
    {
        foreach (string line in reason.Split('\n'))
        {
            Console.Error.WriteLine($"ofctl: {line}");
        }
        return Failed;
    }

    /// <summary>Sends a request and prints its answer.</summary>
    public static int Print(OfClient client, RequestWriter write, OfType replyType)
    {
        bool isGood = client.TryRequest(write, replyType, static message => Console.Out.Write(MessageText.Format(message)));
        return isGood ? Done : ReportErrors(client, null);
    }

    /// <summary>Waits until all is done and reports what went wrong.</summary>
    /// <param name="describe">What was sent with an xid, for the report.</param>
    public static int Finish(OfClient client, Func<uint, string?>? describe)
    {
        client.Barrier();
        return client.ErrorCount == 0 ? Done : ReportErrors(client, describe);
    }

    public static int ReportErrors(OfClient client, Func<uint, string?>? describe)
    {
        foreach (OfReportedError error in client.Errors.Take(MostErrorsShown))
        {
            string? about = describe?.Invoke(error.Xid);
            Console.Error.WriteLine($"ofctl: {client.Target}: the switch answered {error.Error.Name}{(about is null ? "" : $" to {about}")}");
        }
        if (client.ErrorCount > MostErrorsShown)
        {
            Console.Error.WriteLine($"ofctl: {client.Target}: and {client.ErrorCount - MostErrorsShown} errors more");
        }
        return SwitchError;
    }

    /// <summary>The switch's port names, asked for when a text needs them.</summary>
    public static PortNames NamesOf(OfClient client) => new(() => ReadPorts(client));

    public static List<PortDescription> ReadPorts(OfClient client)
    {
        client.TryReadFeatures(out _, out List<PortDescription> ports);
        return ports;
    }

    public static bool TryParseFlow(OfClient client, string text, FlowSyntaxMode mode, out ParsedFlow flow)
    {
        if (!FlowSyntax.TryParseFlow(text, mode, NamesOf(client), out flow, out string error))
        {
            Fail(error);
            return false;
        }
        Warn(flow, "");
        return true;
    }

    public static void Warn(ParsedFlow flow, string place)
    {
        foreach (string warning in flow.Warnings)
        {
            Console.Error.WriteLine($"ofctl: {place}warning: {warning}");
        }
    }

    public static Argument<string> OptionalText(string name, string description) =>
        new(name) { Description = description, Arity = ArgumentArity.ZeroOrOne };

    /// <param name="text">Null for <paramref name="otherwise"/>.</param>
    public static bool TryParsePort(OfClient client, string? text, ushort otherwise, out ushort port)
    {
        port = otherwise;
        if (text is null || NamesOf(client).TryParse(text, out port))
        {
            return true;
        }
        Fail($"port: '{text}' is neither a port number nor the name of a port of {client.Target}");
        return false;
    }
}
