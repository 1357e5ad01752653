using Softswitch.Bench.Sides;
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

    private static readonly TimeSpan LongestDrain = TimeSpan.FromSeconds(5);

    private readonly NetworkNamespace _source = NetworkNamespace.Create();
    private readonly NetworkNamespace _target = NetworkNamespace.Create();
    private readonly int _generatorProcessor;
    private readonly int _softirqThread;
    private readonly FrameTraffic? _traffic;

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
            _traffic = new FrameTraffic(new(_source, SourceName), new(_target, TargetName), frameLength, flows, (long)(mostPerSecond * longest.TotalSeconds));
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
        _traffic!.Begin();
        Dictionary<string, long> drops = ReadDrops(device);
        IReadOnlyDictionary<int, ThreadTimes> before = ProcessSchedule.ReadThreads(device.ProcessId);
        long cpu = CpuNanoseconds(device);
        (GeneratorRun sent, TimeSpan generatorWaited) = _traffic.Send(rate, duration, cancellation, processor: _generatorProcessor);
        cpu = CpuNanoseconds(device) - cpu;
        double switchWaited = ProcessSchedule.ReadThreads(device.ProcessId)
            .Select(thread => (thread.Value - before.GetValueOrDefault(thread.Key)).Waited).DefaultIfEmpty().Max() / 1e3;
        _traffic.WaitUntilQuiet(
            Quiet, LongestDrain, () => sent.Packets - _traffic.Counts.Delivered - (ReadDrops(device).Values.Sum() - drops.Values.Sum()) <= 0, cancellation);
        cancellation.ThrowIfCancellationRequested();
        Dictionary<string, long> after = ReadDrops(device);
        drops = after.Select(place => KeyValuePair.Create(place.Key, place.Value - drops[place.Key])).Where(place => place.Value > 0).ToDictionary();
        TimeSpan waited = TimeSpan.FromMicroseconds(Math.Max(generatorWaited.TotalMicroseconds, switchWaited));
        return new IoTrial(sent.Elapsed, sent.Packets, _traffic.Counts, _traffic.ReadLatencies(), cpu, drops, waited) { GeneratorWaited = generatorWaited };
    }

    public void Dispose()
    {
        _traffic?.Dispose();
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
