using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Softswitch.Lab.Demo;

/// <summary>What became of the pings from one host to another.</summary>
internal sealed class PingPair(DemoHost from, DemoHost to)
{
    public DemoHost From { get; } = from;

    public DemoHost To { get; } = to;

    public int Sent { get; set; }

    /// <summary>When the last request went out, by Stopwatch.GetTimestamp.</summary>
    public long SentAt { get; set; }

    public int Answered { get; set; }

    /// <summary>Round trip of the last answer; null before the first, and while the last request is unanswered.</summary>
    public TimeSpan? Last { get; set; }
}

/// <summary>Pings every ordered pair of hosts, all at once, round by round.</summary>
internal sealed class PingMatrix
{
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(100);

    private readonly IReadOnlyList<DemoHost> _hosts;
    private ushort _round;

    public PingMatrix(IReadOnlyList<DemoHost> hosts)
    {
        _hosts = hosts;
        Pairs = [.. from source in hosts from target in hosts where source != target select new PingPair(source, target)];
    }

    public IReadOnlyList<PingPair> Pairs { get; }

    /// <summary>Sends a request for each pair and collects answers until all are there, the time is over or the demo ends.</summary>
    public void RunRound(TimeSpan bound, CancellationToken stop)
    {
        _round++;
        long start = Stopwatch.GetTimestamp();
        foreach (PingPair pair in Pairs)
        {
            pair.Last = null;
            pair.Sent++;
            pair.SentAt = Stopwatch.GetTimestamp();
            pair.From.Ping.TrySend(pair.To.Address, _round);
        }
        int missing = Pairs.Count;
        while (missing > 0 && !stop.IsCancellationRequested)
        {
            TimeSpan left = bound - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
            {
                return;
            }
            // In slices, so that a signal does not wait for a host that does not answer.
            List<Socket> readable = [.. _hosts.Select(host => host.Ping.Socket)];
            Socket.Select(readable, null, null, left < Slice ? left : Slice);
            missing -= _hosts.Where(host => readable.Contains(host.Ping.Socket)).Sum(Collect);
        }
    }

    private int Collect(DemoHost host)
    {
        int collected = 0;
        while (host.Ping.TryReceive(out IPAddress from, out ushort sequence))
        {
            PingPair? pair = Pairs.FirstOrDefault(p => p.From == host && p.To.Address.Equals(from));
            if (pair is { Last: null } && sequence == _round)
            {
                pair.Last = Stopwatch.GetElapsedTime(pair.SentAt);
                pair.Answered++;
                collected++;
            }
        }
        return collected;
    }
}
