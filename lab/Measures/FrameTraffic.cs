using System.Diagnostics;
using Softswitch.Lab.Linux;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Lab.Measures;

/// <summary>An interface in a network namespace.</summary>
internal readonly record struct NetworkInterface(NetworkNamespace Network, string Name);

/// <summary>Numbered frames of many flows from one interface to another, made and counted by programs in the kernel, trial by trial.</summary>
/// <remarks>Threads: one, and another that sends.</remarks>
internal sealed class FrameTraffic : IDisposable
{
    // Where frames are neither here nor known to be lost: a switch may be kept from its processor.
    private static readonly TimeSpan LongQuiet = TimeSpan.FromMilliseconds(500);

    private readonly NetworkInterface _source;
    private readonly FrameGenerator _generator;
    private readonly FrameSink _sink;
    private ushort _epoch;

    /// <param name="frameLength">Bytes without FCS.</param>
    /// <param name="most">Frames of a trial at most.</param>
    /// <exception cref="SystemCallException">The kernel refuses.</exception>
    public FrameTraffic(NetworkInterface source, NetworkInterface target, int frameLength, int flows, long most)
    {
        _source = source;
        _generator = source.Network.Run(() => FrameGenerator.Open(source.Name, frameLength, flows));
        try
        {
            _sink = target.Network.Run(() => FrameSink.Attach(target.Name, flows, Math.Min(FrameSink.MaxCapacity, most)));
        }
        catch
        {
            _generator.Dispose();
            throw;
        }
    }

    /// <summary>Frames that a trial can have.</summary>
    public long Capacity => _sink.Capacity;

    /// <summary>The packets of the trial that have arrived.</summary>
    public SinkCounts Counts => _sink.Read();

    /// <summary>How long the trial's frames took.</summary>
    public Histogram ReadLatencies()
    {
        var latencies = new Histogram();
        latencies.Add(_sink.ReadLatencies(), Counts.LongestNanoseconds);
        return latencies;
    }

    /// <summary>Begins a trial: from now on its frames count.</summary>
    public void Begin()
    {
        _epoch = (ushort)(_epoch == ushort.MaxValue ? 1 : _epoch + 1);
        _sink.Begin(_epoch);
    }

    /// <summary>Sends frames of the trial.</summary>
    /// <param name="rate">Frames a second; infinity for as many as there can be.</param>
    /// <param name="most">Null for <see cref="Capacity"/>.</param>
    /// <param name="processor">Where they are made; null for anywhere.</param>
    /// <returns>What was sent, and how long the generator could have run but another thread ran.</returns>
    public (GeneratorRun Sent, TimeSpan Waited) Send(double rate, TimeSpan duration, CancellationToken cancellation, long? most = null, int? processor = null) =>
        _source.Network.Run(() =>
        {
            // Of this thread, which ends with the run.
            if (processor is { } own)
            {
                ProcessorAffinity.TrySet([own]);
            }
            using var schedule = new ThreadSchedule();
            GeneratorRun sent = _generator.Run(rate, duration, _epoch, most ?? _sink.Capacity, cancellation);
            schedule.TryRead(out long waited, out _);
            return (sent, TimeSpan.FromMicroseconds(waited / 1e3));
        });

    /// <summary>Waits until nothing has arrived for a while; for a longer while as long as it is not known of every frame what became of it.</summary>
    /// <param name="longest">Then it is over anyway.</param>
    public void WaitUntilQuiet(TimeSpan quiet, TimeSpan longest, Func<bool> isAll, CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        long quietSince = began;
        long received = Counts.Received;
        do
        {
            cancellation.WaitHandle.WaitOne(quiet);
            long now = Counts.Received;
            quietSince = now == received ? quietSince : Stopwatch.GetTimestamp();
            received = now;
        }
        while ((Stopwatch.GetElapsedTime(quietSince) < quiet || (!isAll() && Stopwatch.GetElapsedTime(quietSince) < LongQuiet))
            && !cancellation.IsCancellationRequested && Stopwatch.GetElapsedTime(began) < longest);
    }

    public void Dispose()
    {
        _sink.Dispose();
        _generator.Dispose();
    }
}

/// <summary>So many frames offered, and what became of them.</summary>
/// <param name="Elapsed">While they were sent.</param>
/// <param name="Offered">Frames.</param>
/// <param name="Arrived">What the sink counted once all had arrived.</param>
internal record FrameTrial(TimeSpan Elapsed, long Offered, SinkCounts Arrived) : IRateTrial
{
    public double OfferedPerSecond => Offered / Elapsed.TotalSeconds;

    public double DeliveredPerSecond => Arrived.Delivered / Elapsed.TotalSeconds;

    public long Lost => Offered - Arrived.Delivered;

    public double LossShare => Offered == 0 ? 1 : (double)Lost / Offered;
}
