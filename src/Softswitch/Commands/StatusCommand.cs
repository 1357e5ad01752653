using System.CommandLine;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Reports;

namespace Softswitch.Commands;

/// <summary><c>softswitch status</c>: what runs, in about ten lines; of several switches in one process, a line each.</summary>
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
            (SwitchReport? one, GroupReport? several, string json) = ManagementClient.ReadReportOf(parsed.GetValue(target), Patience);
            foreach (string line in parsed.GetValue(asJson) ? [json] : several != null ? StatusText.Lines(several) : StatusText.Lines(one!))
            {
                Console.Out.WriteLine(line);
            }
        });
        return command;
    }
}
