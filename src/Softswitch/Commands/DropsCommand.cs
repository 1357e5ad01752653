using System.CommandLine;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Reports;
using Softswitch.Ports.Linux.Files;

namespace Softswitch.Commands;

/// <summary><c>softswitch drops</c>: where the packets of a running switch are, and why some ended in it.</summary>
internal static class DropsCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        Argument<string?> target = TargetArgument.Alone();
        Option<bool> json = new("--json")
        {
            Description = "the whole report of the switch as JSON on one line; accounts and drops are fields of it",
        };
        Option<bool> watch = new("--watch") { Description = "again each second, until interrupted" };
        Command command = new("drops", "Show where packets went: received, sent, held and dropped, by port and reason, with what to do about it.")
        {
            target, json, watch,
        };
        command.SetAction(parsed => Run(parsed.GetValue(target), parsed.GetValue(json), parsed.GetValue(watch)));
        return command;
    }

    private static int Run(string? target, bool json, bool watch)
    {
        for (Show(target, json, clear: false); watch; Show(target, json, clear: !Console.IsOutputRedirected))
        {
            Thread.Sleep(WatchInterval);
        }
        return 0;
    }

    private static void Show(string? target, bool json, bool clear)
    {
        (SwitchReport? one, GroupReport? several, string text) = ManagementClient.ReadReportOf(target, Patience);
        if (json)
        {
            Console.Out.WriteLine(text);
            return;
        }
        IEnumerable<string> lines = several != null ? DropsText.Write(several) : DropsText.Write(one!);
        if (clear)
        {
            StandardStream.Writer(StandardStream.Output).Write("\x1b[H\x1b[2J");
        }
        Console.Out.WriteLine(string.Join(Environment.NewLine, lines));
    }
}
