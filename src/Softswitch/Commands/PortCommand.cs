using System.CommandLine;
using Softswitch.Hosting;
using Softswitch.Hosting.Management;

namespace Softswitch.Commands;

/// <summary><c>softswitch port</c>: adds and removes ports of a running switch, over the socket of its <c>--control</c>.</summary>
internal static class PortCommand
{
    private const double LongestTimeout = 86_400;

    private static readonly Option<double> TimeoutOption = new("--timeout", "-t")
    {
        Description = "Seconds to wait for the switch.",
        DefaultValueFactory = _ => 10,
        Recursive = true,
    };

    private static readonly Argument<string> TargetArgument = new("target") { Description = "unix:PATH, the path that run --control was given" };

    public static Command Create()
    {
        Argument<string> spec = new("port") { HelpName = "[N=]SPEC", Description = "as for run --port: a number, if wanted, and what stands behind it" };
        Argument<string> which = new("port") { HelpName = "N|NAME", Description = "the port's number, local, or its interface's name" };
        Command add = new("add", "Add a port.") { TargetArgument, spec };
        add.SetAction(parsed => Run(parsed, ControlProtocol.AddPort + parsed.GetRequiredValue(spec)));
        Command delete = new("del", "Remove a port; its interface is left as it was found.") { TargetArgument, which };
        delete.SetAction(parsed => Run(parsed, ControlProtocol.DeletePort + parsed.GetRequiredValue(which)));
        Command list = new("list", "List the ports.") { TargetArgument };
        list.SetAction(parsed => Run(parsed, ControlProtocol.ListPorts));
        return new Command("port", "Add, remove and list ports of a running switch.") { TimeoutOption, add, delete, list };
    }

    private static int Run(ParseResult parsed, string request)
    {
        double seconds = parsed.GetValue(TimeoutOption);
        if (seconds is not (> 0 and <= LongestTimeout))
        {
            throw new OptionException($"--timeout: '{seconds}' is not a number of seconds above 0 and up to {LongestTimeout}");
        }
        foreach (string line in ControlClient.Ask(parsed.GetRequiredValue(TargetArgument), request, TimeSpan.FromSeconds(seconds)))
        {
            Console.Out.WriteLine(line);
        }
        return 0;
    }
}
