using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Softswitch.Hosting;
using Spectre.Console;

namespace Softswitch.Lab.Demo;

/// <summary><c>softswitch demo</c>: four hosts, a switch and a learning controller in private namespaces, pinging each other.</summary>
internal static class DemoCommand
{
    private const int SomePairsSilent = 1;
    private const int MaxSeconds = 1_000_000;
    private static readonly TimeSpan RoundInterval = TimeSpan.FromSeconds(1);

    private static readonly Option<string?> Seconds = new("--seconds")
    {
        HelpName = "N",
        Description = "end after N seconds, with exit code 0 if every pair of hosts answered; without it, run until Ctrl-C",
    };

    public static Command Create()
    {
        var command = new Command("demo") { Seconds };
        command.SetAction(result =>
        {
            string? seconds = result.GetValue(Seconds);
            TimeSpan? duration = seconds == null ? null : ReadSeconds(seconds);
            Sandbox.Enter(seconds == null ? ["demo"] : ["demo", "--seconds", seconds]);
            return Run(duration);
        });
        return command;
    }

    private static TimeSpan ReadSeconds(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds is >= 1 and <= MaxSeconds
            ? TimeSpan.FromSeconds(seconds)
            : throw new OptionException($"--seconds: '{text}' is not a number from 1 to {MaxSeconds}");

    private static int Run(TimeSpan? duration)
    {
        using var signal = new TerminationSignal();
        bool live = !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Ansi;
        Action<string> say = live ? static _ => { }
        : Console.Out.WriteLine;
        using DemoNetwork network = DemoNetwork.Create(say);
        var pings = new PingMatrix(network.Hosts);
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(signal.Token, network.Switch.Failed);
        if (duration != null)
        {
            end.CancelAfter(duration.Value);
        }
        network.WaitForController(end.Token);
        var plain = new PlainView(Console.Out);
        if (live)
        {
            AnsiConsole.Live(new Text("starting")).Start(context => RunRounds(
                network, pings, snapshot => context.UpdateTarget(LiveView.Render(pings, snapshot, AnsiConsole.Profile.Height)), end.Token));
        }
        else
        {
            RunRounds(network, pings, snapshot => plain.ShowRound(pings, snapshot), end.Token);
            plain.ShowTables(SwitchSnapshot.Take(network.Switch.Control));
        }
        network.Switch.ThrowIfFailed();
        return duration == null ? 0 : Conclude(pings);
    }

    private static void RunRounds(DemoNetwork network, PingMatrix pings, Action<SwitchSnapshot> show, CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            long start = Stopwatch.GetTimestamp();
            pings.RunRound(RoundInterval, end);
            show(SwitchSnapshot.Take(network.Switch.Control));
            TimeSpan left = RoundInterval - Stopwatch.GetElapsedTime(start);
            if (left > TimeSpan.Zero)
            {
                end.WaitHandle.WaitOne(left);
            }
        }
    }

    private static int Conclude(PingMatrix pings)
    {
        PingPair[] silent = [.. pings.Pairs.Where(pair => pair.Answered == 0)];
        foreach (PingPair pair in silent)
        {
            Console.Error.WriteLine($"softswitch demo: no answer from {pair.To.Name} to {pair.From.Name} in {pair.Sent} pings");
        }
        if (silent.Length > 0)
        {
            return SomePairsSilent;
        }
        Console.Out.WriteLine($"every pair answered: {pings.Pairs.Sum(pair => pair.Answered)} of {pings.Pairs.Sum(pair => pair.Sent)} pings between {pings.Pairs.Count} pairs");
        return 0;
    }
}
