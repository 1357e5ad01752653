using System.Diagnostics;
using Softswitch.Lab.Machines;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Latency;

/// <summary>One trial's loop: sends by one card what is due, and notes when it came back by the other.</summary>
/// <remarks>
/// After the guest itself stood still, what was under way is left out of the latencies, and what was due meanwhile is not offered: neither says
/// anything of the switch. Times are in ticks of <see cref="Stopwatch"/>. Threads: one.
/// </remarks>
internal sealed class LatencyRun
{
    // A turn of the loop takes a tenth of a microsecond, and some microseconds with a burst: after a longer one the guest was not running.
    private const double LongestTurnMicroseconds = 20;

    // When nothing has come for so long, nothing more will.
    private const double QuietSeconds = 0.1;
    private static readonly long LongestTurn = (long)(LongestTurnMicroseconds * Stopwatch.Frequency / 1e6);
    private static readonly long Quiet = (long)(QuietSeconds * Stopwatch.Frequency);

    private readonly PollingCard _from;
    private readonly PollingCard _to;
    private readonly double _perTick;
    private readonly long _duration;
    private readonly long[] _stamps = new long[PollingCard.Burst];
    private readonly Histogram _latencies = new();
    private long _start;
    private long _paceStart; // later by what the guest stood still
    private long _sure; // what was sent before was under way when the guest stood still
    private long _last;
    private long _lastReceived;
    private long _stoodStill;
    private long _offered;
    private long _sent;
    private long _received;
    private long _unsure;

    /// <param name="rate">Packets a second, evenly; infinity for as many as the ring takes.</param>
    public LatencyRun(PollingCard from, PollingCard to, double rate, TimeSpan duration)
    {
        _from = from;
        _to = to;
        _perTick = rate / Stopwatch.Frequency;
        _duration = (long)(duration.TotalSeconds * Stopwatch.Frequency);
    }

    /// <summary>Offers packets for the duration, then waits for the last.</summary>
    /// <exception cref="Lab.TestbedException">The switch breaks its rings.</exception>
    public LatencyTrial Run(CancellationToken cancellation)
    {
        long now = _start = _paceStart = _sure = _last = _lastReceived = Stopwatch.GetTimestamp();
        long end = _start + _duration;
        for (; now < end && !cancellation.IsCancellationRequested; now = Stopwatch.GetTimestamp())
        {
            NoteTurn(now);
            Receive();
            Send(now);
        }
        long elapsed = Math.Max(1, now - _start - _stoodStill);
        for (; _received < _sent && now - Math.Max(_lastReceived, end) < Quiet; now = Stopwatch.GetTimestamp())
        {
            NoteTurn(now);
            Receive();
        }
        return new LatencyTrial(Time(elapsed), _offered, _received, _latencies, _unsure, Time(_stoodStill), TimeSpan.Zero);
    }

    private static TimeSpan Time(long ticks) => TimeSpan.FromSeconds((double)ticks / Stopwatch.Frequency);

    private void NoteTurn(long now)
    {
        long turn = now - _last;
        if (turn > LongestTurn)
        {
            _stoodStill += turn;
            _paceStart += turn;
            _sure = now;
        }
        _last = now;
    }

    private void Receive()
    {
        int count = _to.Receive(_stamps);
        if (count == 0)
        {
            return;
        }
        _lastReceived = Stopwatch.GetTimestamp();
        foreach (long stamp in _stamps.AsSpan(0, count))
        {
            if (stamp >= _sure)
            {
                _latencies.Record(Histogram.Nanoseconds(_lastReceived - stamp));
            }
            else if (stamp < _start)
            {
                continue; // of an earlier trial
            }
            else
            {
                _unsure++;
            }
            _received++;
        }
    }

    private void Send(long now)
    {
        double due = ((now - _paceStart) * _perTick) + 1 - _offered;
        if (due < 1)
        {
            return;
        }
        int wanted = (int)Math.Min(due, PollingCard.Burst);
        int taken = _from.Send(wanted);
        _sent += taken;
        _offered += double.IsPositiveInfinity(_perTick) ? taken : wanted;
        if (taken > 0 && _from.KickIfWanted())
        {
            _last = Stopwatch.GetTimestamp(); // a kick is part of the packet's way
        }
    }
}
