using System.CommandLine;
using System.Globalization;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Processes;
using Softswitch.Hosting.Reports;

namespace Softswitch.Commands;

/// <summary><c>softswitch top</c>: a running switch, live on a terminal or report by report into a pipe.</summary>
internal static class TopCommand
{
    private const double LongestInterval = ManagementRequest.LongestWatchMilliseconds / 1000.0;

    public static Command Create()
    {
        Argument<string?> target = TargetArgument.Alone();
        Option<double> interval = new("--interval", "-i")
        {
            HelpName = "SECONDS",
            Description = $"time between two looks, 0.1 to {LongestInterval}",
            DefaultValueFactory = _ => 1,
        };
        Option<int> count = new("--count", "-n")
        {
            HelpName = "N",
            Description = "print N reports one after another and end; 1 if the output is no terminal",
        };
        Option<int> flows = new("--flows")
        {
            HelpName = "N",
            Description = $"busiest flows to look for, 1 to {ManagementRequest.MostBusiestFlows}",
            DefaultValueFactory = _ => 20,
        };
        Command command = new("top", "Watch a running switch: rates and drops of ports, busiest flows, workers, controllers. Of several in one process, an overview.")
        {
            target, interval, count, flows,
        };
        command.SetAction(parsed =>
        {
            TopFeed feed = new(
                parsed.GetValue(target),
                TimeSpan.FromSeconds(Check("--interval", parsed.GetValue(interval), 0.1, LongestInterval)),
                (int)Check("--flows", parsed.GetValue(flows), 1, ManagementRequest.MostBusiestFlows));
            bool isPlain = Console.IsOutputRedirected || Console.IsInputRedirected || parsed.GetResult(count) is { Implicit: false };
            if (isPlain)
            {
                Print(feed, parsed.GetResult(count) is { Implicit: false }
                    ? (int)Check("--count", parsed.GetValue(count), 1, int.MaxValue) : 1);
                return;
            }
            using var signal = new TerminationSignal();
            new TopView(feed).Run(signal.Token);
        });
        return command;
    }

    private static void Print(TopFeed feed, int count)
    {
        for (int i = 0; i < count; i++)
        {
            foreach (string line in feed.Next().Lines(width: 0, height: 0, TopOrder.Number))
            {
                Console.Out.WriteLine(line);
            }
            if (i < count - 1)
            {
                Console.Out.WriteLine();
            }
        }
    }

    private static double Check(string option, double value, double lowest, double highest) => value >= lowest && value <= highest
        ? value
        : throw new OptionException(string.Create(
            CultureInfo.InvariantCulture, $"{option}: '{value}' is not a number from {lowest} to {highest}"));
}
