using System.Diagnostics;
using System.Net;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.OfAgent.Controllers;

namespace Softswitch.Scenarios.Twaren;

/// <summary>What the parts of the scenario have in common.</summary>
internal static class TwarenSteps
{
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(1);

    /// <summary>Returns when the switches have done all that the controllers sent them.</summary>
    public static void Settle(ScenarioRun run, TwarenLab lab)
    {
        int missing = 0;
        foreach (SwitchConnection connection in lab.Controllers.SelectMany(controller => controller.Switches))
        {
            Interlocked.Increment(ref missing);
            connection.Barrier(_ => Interlocked.Decrement(ref missing));
            connection.Flush();
        }
        run.WaitUntil(() => Volatile.Read(ref missing) == 0, "every switch answers a barrier");
    }

    /// <summary>Does something, and again every second, until what it is to bring about is so: packets are lost while links come up and queues are full.</summary>
    public static void Insist(ScenarioRun run, Action act, Func<bool> isSo, string what)
    {
        act();
        long last = Stopwatch.GetTimestamp();
        run.WaitUntil(
            () =>
            {
                bool done = isSo();
                if (!done && Stopwatch.GetElapsedTime(last) > AskAgain)
                {
                    act();
                    last = Stopwatch.GetTimestamp();
                }
                return done;
            },
            what);
    }

    /// <summary>Pings until there is an answer.</summary>
    public static void Reach(ScenarioRun run, LabHost from, Be32 address, string what)
    {
        using PingSocket ping = from.Run(() => new PingSocket());
        ushort sequence = 0;
        Insist(run, () => ping.TrySend(ToIPAddress(address), sequence++), () => ping.TryReceive(out _, out _), $"{from.Name} reaches {what}");
    }

    /// <summary>Sends one ping, and no other, and returns how long its answer took.</summary>
    public static TimeSpan PingOnce(ScenarioRun run, LabHost from, Be32 address, string what)
    {
        using PingSocket ping = from.Run(() => new PingSocket());
        long sent = Stopwatch.GetTimestamp();
        ping.TrySend(ToIPAddress(address), 0);
        run.WaitUntil(() => ping.TryReceive(out _, out _), $"{from.Name} has an answer from {what} to its first ping");
        return Stopwatch.GetElapsedTime(sent);
    }

    /// <summary>How many entries of a switch came in this way.</summary>
    /// <param name="filter">Which of them; null for all.</param>
    public static int CountEntries(LabSwitch device, Insertion? insertion, Func<FlowMatch, bool>? filter = null)
    {
        DatapathControl control = device.Host.Control;
        int count = 0;
        using (control.Enter())
        {
            var all = new FlowFilter(FlowMatch.Any);
            uint cursor = 0;
            while (control.NextFlow(ref cursor, all, out FlowStatistics flow))
            {
                count += (insertion == null || flow.Cookie == (ulong)insertion) && (filter == null || filter(flow.Match)) ? 1 : 0;
            }
        }
        return count;
    }

    private static IPAddress ToIPAddress(Be32 address) => new(address.Raw);
}
