using System.CommandLine;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;

namespace Softswitch.Commands;

/// <summary><c>softswitch reload</c> and <c>softswitch config</c>: the configuration of a running switch.</summary>
internal static class ConfigurationCommands
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60); // ports may have to be opened

    public static Command CreateReload()
    {
        Argument<string?> target = TargetArgument.Alone();
        Command command = new("reload", "Have a running switch read its file again and apply what has changed: all of it, or nothing.") { target };
        command.SetAction(parsed => Ask(parsed.GetValue(target), ManagementRequest.Reload));
        return command;
    }

    public static Command CreateConfig()
    {
        Argument<string?> target = TargetArgument.Alone();
        Option<bool> all = new("--all") { Description = "defaults, too, as settings instead of comments" };
        Command command = new("config", "Print the configuration in force, as a file that run --config reads.") { target, all };
        command.SetAction(parsed => Ask(parsed.GetValue(target), ManagementRequest.ShowConfiguration(parsed.GetValue(all))));
        return command;
    }

    private static void Ask(string? target, ManagementRequest request)
    {
        foreach (string line in ManagementClient.AskLines(ControlSockets.Find(target), request, Patience))
        {
            Console.Out.WriteLine(line);
        }
    }
}
