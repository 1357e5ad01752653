using System.CommandLine;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Reports;

namespace Softswitch.Commands;

/// <summary><c>softswitch status</c>: what runs, in about ten lines.</summary>
internal static class StatusCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static Command Create()
    {
        Argument<string?> target = TargetArgument.Alone();
        Option<bool> asJson = new("--json") { Description = "the whole report, as one object" };
        Command command = new("status", "Say what a running switch does: ports, flows, controllers, drops.") { target, asJson };
        command.SetAction(parsed =>
        {
            (SwitchReport report, string json) = ControlClient.ReadReport(ControlSockets.Find(parsed.GetValue(target)), Patience);
            foreach (string line in parsed.GetValue(asJson) ? [json] : StatusText.Lines(report))
            {
                Console.Out.WriteLine(line);
            }
        });
        return command;
    }
}
