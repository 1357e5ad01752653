using System.Diagnostics;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;

namespace Softswitch.Bench;

/// <summary>A controller on loopback that sends flow-mods in bursts, each followed by a barrier whose reply it waits for.</summary>
/// <remarks>Threads: its own; the others switch it on and off and read its counts.</remarks>
internal sealed class ChurnDriver : IDisposable
{
    // Small enough for the barrier to come soon, large enough for the rate; without a limit on the rate, as large as a write.
    private const int LargestPacedBurst = 16;
    private const int UnpacedBurst = 512;
    private const int BurstsPerSecond = 4000;

    // What a starved controller missed longer ago than this is not made up for: the rate asked for is also the highest.
    private const double MostArrearsSeconds = 0.01;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Churn _churn;
    private readonly double _rate;
    private readonly TimeSpan? _statisticsInterval;
    private readonly OfClient _client;
    private readonly Task _sending;
    private volatile bool _stop;
    private volatile bool _wanted;
    private volatile bool _active;
    private long _confirmed;
    private long _statisticsRead;

    /// <param name="target">The switch's agent.</param>
    /// <param name="rate">Flow-mods a second; infinity for as many as it takes.</param>
    /// <param name="statisticsInterval">How often to read aggregate, table and port statistics meanwhile; null for never.</param>
    public ChurnDriver(string target, Churn churn, double rate, TimeSpan? statisticsInterval = null)
    {
        _churn = churn;
        _rate = rate;
        _statisticsInterval = statisticsInterval;
        BurstSize = double.IsPositiveInfinity(rate) ? UnpacedBurst : (int)Math.Clamp(rate / BurstsPerSecond, 1, LargestPacedBurst);
        _client = OfClient.Connect(target, Patience);
        _sending = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Flow-mods before each barrier.</summary>
    public int BurstSize { get; }

    /// <summary>Flow-mods that a barrier has confirmed.</summary>
    public long Confirmed => Volatile.Read(ref _confirmed);

    public long StatisticsRead => Volatile.Read(ref _statisticsRead);

    /// <summary>From sending a burst's barrier to its reply.</summary>
    public Histogram Barriers { get; } = new();

    /// <summary>Errors the switch answered with.</summary>
    public int ErrorCount => _client.ErrorCount;

    /// <summary>Begins to send, or ceases and returns when the last burst is confirmed.</summary>
    /// <exception cref="OfClientException">The connection failed.</exception>
    public void SetActive(bool active)
    {
        _wanted = active;
        while (_active != active)
        {
            if (_sending.IsFaulted)
            {
                _sending.GetAwaiter().GetResult();
            }
            Thread.Sleep(0);
        }
    }

    public void Dispose()
    {
        _stop = true;
        ((IAsyncResult)_sending).AsyncWaitHandle.WaitOne();
        _client.Dispose();
    }

    private void Run()
    {
        while (!_stop)
        {
            if (_wanted)
            {
                _active = true;
                SendWhileWanted();
                _active = false;
            }
            else
            {
                Thread.Sleep(1);
            }
        }
    }

    private void SendWhileWanted()
    {
        long start = Stopwatch.GetTimestamp();
        long statisticsAt = start;
        double due = 0;
        while (_wanted && !_stop)
        {
            double now = Stopwatch.GetElapsedTime(start).TotalSeconds;
            due = Math.Max(due, now - MostArrearsSeconds);
            double ahead = due - now;
            if (ahead > 0)
            {
                // Not by spinning: the agent's threads share what processors the workers leave.
                Thread.Sleep(Math.Max(1, (int)(ahead * 1000)));
            }
            SendBurst();
            due += BurstSize / _rate;
            if (_statisticsInterval is TimeSpan interval && Stopwatch.GetElapsedTime(statisticsAt) > interval)
            {
                ReadStatistics();
                statisticsAt = Stopwatch.GetTimestamp();
            }
        }
    }

    private void SendBurst()
    {
        for (int i = 0; i < BurstSize; i++)
        {
            _client.Send(_churn.Next());
        }
        long asked = Stopwatch.GetTimestamp();
        _client.Barrier();
        Barriers.Record(Histogram.Nanoseconds(Stopwatch.GetTimestamp() - asked));
        Volatile.Write(ref _confirmed, _confirmed + BurstSize);
    }

    private void ReadStatistics()
    {
        bool all = _client.TryReadAggregate(new FlowFilter(FlowMatch.Any), out _)
            & _client.TryReadTables(out _)
            & _client.TryReadPortStatistics(PortNumber.None, out _);
        Volatile.Write(ref _statisticsRead, _statisticsRead + (all ? 1 : 0));
    }
}
