using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Queues;

/// <summary>A scheduler in front of a port that counts what it gets, by the label in each packet's first byte, in time that the test moves.</summary>
internal sealed unsafe class SimulatedPort : IPort, IDisposable
{
    private readonly FramePool _pool = new(8192, 2048, 256);
    private readonly NativeArray<PacketAccount> _account = new(1);
    private readonly TestTime _time = new();
    private readonly ControlClock _clock;
    private readonly PassClock _passClock = new();
    private readonly long[] _bytes = new long[256];
    private PortQueueSettings _settings;

    public SimulatedPort(long rate, params QueueConfig[] queues)
    {
        _clock = new ControlClock(_time);
        Frames = _pool.CreateCache();
        Scheduler = new PortScheduler(this, 1, Frames, _account.Start, _passClock);
        _settings = new PortQueueSettings(rate, [], 0, 0);
        Configure(rate, queues);
    }

    public PortScheduler Scheduler { get; }

    public FrameCache Frames { get; }

    /// <summary>Packets it still takes; then its ring is full.</summary>
    public int Room { get; set; } = int.MaxValue;

    /// <summary>What it took: when, which label, how long. Filled only if there is a list.</summary>
    public List<(long Ticks, byte Label, int Length)>? Log { get; set; }

    public long Now => _clock.Ticks;

    public PacketAccount Account => *_account.Start;

    public int PollDescriptor => -1;

    public bool EveryFrameIsFree => Frames.FreeCount + _pool.FreeCount + _pool.FreeLargeCount == _pool.FrameCount + _pool.LargeFrameCount;

    public void Configure(long rate, params QueueConfig[] queues)
    {
        QueueSetup[] setups = [.. queues.Select(config => new QueueSetup(config, _settings.CountersOf(config.Id) ?? new QueueCounters()))];
        _settings = new PortQueueSettings(rate, setups, ScheduledQueue.Capacity, largeFrameLimit: 16);
        Scheduler.Configure(_settings);
    }

    public QueueCounters CountersOf(uint queueId) => _settings.CountersOf(queueId)!;

    /// <summary>Bytes of packets with this label that left.</summary>
    public long BytesOf(int label) => _bytes[label];

    /// <summary>One packet for a queue; the label tells it apart at the other end.</summary>
    public void Add(uint queueId, int length, int label)
    {
        Assert.True(Frames.TryRent(length, out Packet packet), "the test keeps within the pool");
        packet.Length = length;
        packet.Data[0] = (byte)label;
        Scheduler.Add(new ReadOnlySpan<Packet>(in packet), new ReadOnlySpan<uint>(in queueId));
    }

    public int Run() => Scheduler.Run();

    /// <summary>The worker's next pass begins so much later.</summary>
    public void Advance(TimeSpan time)
    {
        _time.Advance(time);
        _passClock.Ticks = Now;
    }

    public int Receive(PacketBatch batch, FrameCache frames) => 0;

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        int taken = Math.Min(packets.Length, Room);
        Room -= taken;
        for (int i = 0; i < taken; i++)
        {
            byte label = packets[i].Data[0];
            _bytes[label] += packets[i].Length;
            Log?.Add((Now, label, packets[i].Length));
            frames.Release(packets[i]);
        }
        return taken;
    }

    public void Dispose()
    {
        Scheduler.Release();
        _account.Dispose();
        _pool.Dispose();
    }
}

/// <summary>A source of equal packets at a steady rate.</summary>
/// <param name="Label">Which also is its name at the other end.</param>
/// <param name="QueueId">Where it sends; <see cref="QueueConfig.None"/> for no queue.</param>
internal sealed record Source(int Label, uint QueueId, long BitsPerSecond, int Length)
{
    private double _owed;

    public void Offer(SimulatedPort port, TimeSpan time)
    {
        for (_owed += BitsPerSecond / 8.0 * time.TotalSeconds; _owed >= Length; _owed -= Length)
        {
            port.Add(QueueId, Length, Label);
        }
    }
}

/// <summary>Lets sources send for a while, the worker passing by once a step.</summary>
internal static class Traffic
{
    public static void Run(SimulatedPort port, TimeSpan duration, TimeSpan step, params Source[] sources)
    {
        for (TimeSpan passed = TimeSpan.Zero; passed < duration; passed += step)
        {
            port.Advance(step);
            foreach (Source source in sources)
            {
                source.Offer(port, step);
            }
            port.Run();
        }
    }
}
