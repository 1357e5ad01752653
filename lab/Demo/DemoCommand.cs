using System.CommandLine;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Processes;
using Softswitch.Web;
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

    private static readonly Option<string?> Web = new("--web")
    {
        HelpName = WebAddress.Form,
        Description = "serve a page that shows the switch at work, and metrics; at 127.0.0.1 unless HOST is given",
    };

    public static Command Create()
    {
        var command = new Command("demo") { Seconds, Web };
        command.SetAction(result =>
        {
            string? seconds = result.GetValue(Seconds);
            TimeSpan? duration = seconds == null ? null : ReadSeconds(seconds);
            // Listened on outside, where the browser is; inside it serves on.
            using Socket? listener = Sandbox.IsInside ? Sandbox.TakeListener() : OpenWeb(result.GetValue(Web));
            Sandbox.Enter(seconds == null ? ["demo"] : ["demo", "--seconds", seconds], listener);
            return Run(duration, listener);
        });
        return command;
    }

    private static Socket? OpenWeb(string? text) =>
        text == null ? null
        : WebAddress.TryParse(text, out IPEndPoint address, out string error) ? WebListener.Open(address)
        : throw new OptionException($"--web: {error}");

    private static TimeSpan ReadSeconds(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds is >= 1 and <= MaxSeconds
            ? TimeSpan.FromSeconds(seconds)
            : throw new OptionException($"--seconds: '{text}' is not a number from 1 to {MaxSeconds}");

    /// <param name="listener">For the page; null for none.</param>
    private static int Run(TimeSpan? duration, Socket? listener)
    {
        using var signal = new TerminationSignal();
        bool live = !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Ansi;
        Action<string> say = live ? static _ => { }
        : Console.Out.WriteLine;
        using DemoNetwork network = DemoNetwork.Create(say);
        var pings = new PingMatrix(network.Hosts);
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(signal.Token, network.Switch.Failed);
        network.WaitForController(end.Token);
        if (duration != null)
        {
            end.CancelAfter(duration.Value);
        }
        using IDisposable? web = listener == null ? null : StartWeb(network.Switch, listener);
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

    // Apart, so that a demo without a page loads no web server: compiling the call would.
    [MethodImpl(MethodImplOptions.NoInlining)]
    [SuppressMessage("Performance", "CA1859", Justification = "whoever calls what returns a WebServer loads it")]
    private static IDisposable StartWeb(SwitchHost host, Socket listener) => WebServer.Start(host, listener, Console.Out.WriteLine);

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
