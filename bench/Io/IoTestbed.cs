using System.Diagnostics;
using Softswitch.Lab;
using Softswitch.Lab.Linux;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Io;

/// <summary>A generator and a sink, each on a veth to the namespace of a switch.</summary>
/// <remarks>
/// <code>
/// namespace "source"        namespace "switch"             namespace "target"
/// generator - send ------- in - port 1 | port 2 - out ------- receive - sink
/// processor 0: generator, and the    the other processor: the switch, and the
/// kernel's work up to port 1's ring    kernel's from port 2's ring to the sink
/// </code>
/// Namespaces and programs are held by descriptors: they go with the process, however it ends. Threads: one.
/// </remarks>
internal sealed class IoTestbed : IDisposable
{
    public const string InputName = "in";
    public const string OutputName = "out";

    private const string SourceName = "send";
    private const string TargetName = "receive";

    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(30);

    // Where packets are neither here nor counted as dropped: the switch may be kept from its processor.
    private static readonly TimeSpan LongQuiet = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestDrain = TimeSpan.FromSeconds(5);

    private readonly NetworkNamespace _source = NetworkNamespace.Create();
    private readonly NetworkNamespace _target = NetworkNamespace.Create();
    private readonly int _generatorProcessor;
    private readonly int _softirqThread;
    private readonly FrameGenerator? _generator;
    private readonly FrameSink? _sink;
    private ushort _epoch;

    /// <param name="frameLength">Bytes without FCS.</param>
    /// <param name="longest">The longest trial there will be.</param>
    /// <exception cref="SystemCallException">The kernel refuses.</exception>
    public IoTestbed(int frameLength, int flows, TimeSpan longest, int generatorProcessor, int switchProcessor)
    {
        // More than a processor can send.
        const double mostPerSecond = 4e6;
        _generatorProcessor = generatorProcessor;
        _softirqThread = FindProcess($"ksoftirqd/{switchProcessor}");
        try
        {
            VethCable.Lay(Switch, InputName, _source, SourceName);
            VethCable.Lay(Switch, OutputName, _target, TargetName);
            // The generator's frames come in by NAPI, as a card's do. With AF_XDP they would without it.
            Switch.Run(() => InterfaceFeatures.SetReceiveOffload(InputName, on: true));
            _generator = _source.Run(() => FrameGenerator.Open(SourceName, frameLength, flows));
            _sink = _target.Run(() => FrameSink.Attach(TargetName, flows, (long)Math.Min(FrameSink.MaxCapacity, mostPerSecond * longest.TotalSeconds)));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where the switch's interfaces are.</summary>
    public NetworkNamespace Switch { get; } = NetworkNamespace.Create();

    /// <summary>Offers packets to a switch that forwards, and waits until the last has arrived.</summary>
    /// <param name="rate">Packets a second; infinity for as many as there can be.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IoTrial Run(IoSwitch device, double rate, TimeSpan duration, CancellationToken cancellation)
    {
        _epoch = (ushort)(_epoch == ushort.MaxValue ? 1 : _epoch + 1);
        _sink!.Begin(_epoch);
        Dictionary<string, long> drops = ReadDrops(device);
        IReadOnlyDictionary<int, ThreadTimes> before = ProcessSchedule.ReadThreads(device.ProcessId);
        long cpu = CpuNanoseconds(device);
        long generatorWaited = 0;
        GeneratorRun run = _source.Run(() =>
        {
            ProcessorAffinity.TrySet([_generatorProcessor]); // of this thread, which ends with the run
            using var schedule = new ThreadSchedule();
            GeneratorRun run = _generator!.Run(rate, duration, _epoch, _sink.Capacity, cancellation);
            schedule.TryRead(out generatorWaited, out _);
            return run;
        });
        cpu = CpuNanoseconds(device) - cpu;
        long switchWaited = ProcessSchedule.ReadThreads(device.ProcessId)
            .Select(thread => (thread.Value - before.GetValueOrDefault(thread.Key)).Waited).DefaultIfEmpty().Max();
        WaitUntilQuiet(() => run.Packets - _sink.Read().Delivered - (ReadDrops(device).Values.Sum() - drops.Values.Sum()) <= 0, cancellation);
        cancellation.ThrowIfCancellationRequested();
        var latencies = new Histogram();
        SinkCounts counts = _sink.Read();
        latencies.Add(_sink.ReadLatencies(), counts.LongestNanoseconds);
        Dictionary<string, long> after = ReadDrops(device);
        drops = after.Select(place => KeyValuePair.Create(place.Key, place.Value - drops[place.Key])).Where(place => place.Value > 0).ToDictionary();
        return new IoTrial(run.Elapsed, run.Packets, counts, latencies, cpu, drops, TimeSpan.FromMicroseconds(Math.Max(generatorWaited, switchWaited) / 1e3))
        {
            GeneratorWaited = TimeSpan.FromMicroseconds(generatorWaited / 1e3),
        };
    }

    public void Dispose()
    {
        _sink?.Dispose();
        _generator?.Dispose();
        _source.Dispose();
        _target.Dispose();
        Switch.Dispose();
    }

    private Dictionary<string, long> ReadDrops(IoSwitch device)
    {
        InterfaceCounters input = InterfaceCounters.Read(Switch, InputName);
        InterfaceCounters output = InterfaceCounters.Read(Switch, OutputName);
        (long received, long transmitted) = device.ReadDrops();
        return new Dictionary<string, long>
        {
            ["generator"] = InterfaceCounters.Read(_source, SourceName).TransmitDropped,
            ["input interface"] = device.CountsInterfaceDrops ? input.ReceiveDropped - received : input.ReceiveDropped,
            ["switch receive"] = received,
            ["switch transmit"] = transmitted,
            ["output interface"] = device.CountsInterfaceDrops ? output.TransmitDropped - transmitted : output.TransmitDropped,
            ["sink interface"] = InterfaceCounters.Read(_target, TargetName).ReceiveDropped,
        };
    }

    private long CpuNanoseconds(IoSwitch device) =>
        ProcessSchedule.Nanoseconds(device.ProcessId) + (_softirqThread > 0 ? ProcessSchedule.Nanoseconds(_softirqThread) : 0);

    /// <param name="isAll">Whether it is known of every packet what became of it.</param>
    private void WaitUntilQuiet(Func<bool> isAll, CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        long quietSince = began;
        long received = _sink!.Read().Received;
        do
        {
            cancellation.WaitHandle.WaitOne(Quiet);
            long now = _sink.Read().Received;
            quietSince = now == received ? quietSince : Stopwatch.GetTimestamp();
            received = now;
        }
        while ((Stopwatch.GetElapsedTime(quietSince) < Quiet || (!isAll() && Stopwatch.GetElapsedTime(quietSince) < LongQuiet))
            && !cancellation.IsCancellationRequested && Stopwatch.GetElapsedTime(began) < LongestDrain);
    }

    /// <summary>A process of this name; 0 if there is none.</summary>
    private static int FindProcess(string name)
    {
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            try
            {
                if (int.TryParse(Path.GetFileName(folder), out int process) && File.ReadAllText(Path.Combine(folder, "comm")).Trim() == name)
                {
                    return process;
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It ended while we looked.
            }
        }
        return 0;
    }
}
