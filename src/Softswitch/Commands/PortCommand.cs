using System.CommandLine;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;

namespace Softswitch.Commands;

/// <summary><c>softswitch port</c>: adds and removes ports of a running switch.</summary>
internal static class PortCommand
{
    private const double LongestTimeout = 86_400;

    private static readonly Option<double> TimeoutOption = new("--timeout", "-t")
    {
        Description = "Seconds to wait for the switch.",
        DefaultValueFactory = _ => 10,
        Recursive = true,
    };

    public static Command Create()
    {
        Argument<string[]> spec = TargetArgument.Before("[N=]SPEC", "as for run --port: a number, if wanted, and what stands behind it");
        Argument<string[]> which = TargetArgument.Before("N|NAME", "the port's number, local, or its interface's name");
        Argument<string?> target = TargetArgument.Alone();
        Command add = new("add", "Add a port.") { spec };
        add.SetAction(parsed => Run(parsed, TargetArgument.Split(parsed.GetRequiredValue(spec), out string port), ManagementRequest.AddPort(port)));
        Command delete = new("del", "Remove a port; its interface is left as it was found.") { which };
        delete.SetAction(parsed => Run(parsed, TargetArgument.Split(parsed.GetRequiredValue(which), out string port), ManagementRequest.DeletePort(port)));
        Command list = new("list", "List the ports.") { target };
        list.SetAction(parsed => Run(parsed, parsed.GetValue(target), ManagementRequest.ListPorts));
        return new Command("port", "Add, remove and list ports of a running switch.") { TimeoutOption, add, delete, list };
    }

    private static int Run(ParseResult parsed, string? target, ManagementRequest request)
    {
        double seconds = parsed.GetValue(TimeoutOption);
        if (seconds is not (> 0 and <= LongestTimeout))
        {
            throw new OptionException($"--timeout: '{seconds}' is not a number of seconds above 0 and up to {LongestTimeout}");
        }
        foreach (string line in ManagementClient.AskLines(ControlSockets.Find(target), request, TimeSpan.FromSeconds(seconds)))
        {
            Console.Out.WriteLine(line);
        }
        return 0;
    }
}
