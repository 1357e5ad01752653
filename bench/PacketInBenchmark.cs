using System.Diagnostics;
using System.Runtime.InteropServices;
using Softswitch.Bench.Flows;
using Softswitch.Bench.Sides;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Packets;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Wire;

namespace Softswitch.Bench;

/// <summary>What <c>bench packetin</c> measures.</summary>
internal sealed record PacketInOptions : IBenchOptions
{
    /// <summary>Packets a second while latencies are measured.</summary>
    public double Rate { get; init; } = 10_000;

    public int FrameLength { get; init; } = FlowHeaders.MinFrame;

    /// <summary>For each of the two parts.</summary>
    public double Seconds { get; init; } = 3;

    public BenchPlan Plan => new(
        $"packet-ins of {FrameLength}-byte frames, {Rate:N0} a second, then as many as there can be",
        BenchPlan.StartSeconds + MeasuredWorkers.ExpectedWarmUp(Seconds) + (2 * Seconds) + 1);
}

/// <summary>Packets without a flow entry on their way to a controller on loopback: first at a set rate, then as many as there can be.</summary>
internal static class PacketInBenchmark
{
    private const ushort Input = 1;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // How long the last packet-ins of a part may take to arrive.
    private static readonly TimeSpan DrainTime = TimeSpan.FromMilliseconds(200);

    public static BenchResult Run(PacketInOptions options, Action<string> progress, CancellationToken cancellation)
    {
        WorkerPlacement.KeepOff(workers: 1);
        using var bench = new MeasuredSwitch(new DatapathOptions { PacketInRate = 0 }); // the limiter would be what is measured
        byte[] frame = new byte[options.FrameLength];
        new ExactFlows(1, 1).FieldsOf(0).Write(frame);
        FrameTag.Write(frame.AsSpan(frame.Length - FrameTag.Size), 0);
        var port = new PacedPort("input", frame);
        bench.AddPort(Input, port);
        bench.StartService();
        using var workers = new MeasuredWorkers(bench.Control.Workers);
        using var controller = new PacketInReceiver(bench.Listen(), (ushort)options.FrameLength, Patience);

        progress("warming up");
        port.Start(options.Rate);
        MeasuredWorkers.WarmUp(options.Seconds, cancellation);
        port.Stop();
        Thread.Sleep(DrainTime);

        var result = new BenchResult("packetin");
        progress($"{options.Rate:0} packets a second");
        var watch = new MachineWatch();
        WorkerSample[] before = workers.TakeSamples();
        Part paced = Measure(bench, port, controller, options.Rate, options.Seconds, cancellation);
        result.Add("offeredPerSecond", paced.Offered, 0);
        result.Add("packetInsPerSecond", paced.Arrived, 0);
        result.Add("latencyP50Us", controller.Latencies.QuantileMicroseconds(0.5), 1);
        result.Add("latencyP99Us", controller.Latencies.QuantileMicroseconds(0.99), 1);
        result.Add("latencyMaxUs", controller.Latencies.MaxNanoseconds / 1e3, 1);
        result.Add("latencyTailUs", controller.Latencies.ToTail());
        result.Add("drops", paced.Dropped);
        if (!cancellation.IsCancellationRequested)
        {
            progress("as many as there can be");
            Part flood = Measure(bench, port, controller, double.PositiveInfinity, options.Seconds, cancellation);
            result.Add("floodOfferedPerSecond", flood.Offered, 0);
            result.Add("floodPacketInsPerSecond", flood.Arrived, 0);
            result.Add("floodLatencyP50Us", controller.Latencies.QuantileMicroseconds(0.5), 1);
            result.Add("floodDrops", flood.Dropped);
        }
        // The controller, on another processor, is as much part of a latency as the worker.
        result.Add(watch.ReadMachine() with { Share = MeasuredWorkers.Rates(before, workers.TakeSamples()).CpuShare });
        workers.Stop();
        controller.WaitUntilSilent(DrainTime, Patience, () => Unaccounted(bench, controller) == 0); // what the worker had in hand when the port stopped
        result.Add("floodDropsQueue", bench.Control.Accounts.ReadDrops(DropReason.PacketInQueueFull));
        result.Add("floodDropsConnection", bench.ReadConnectionDrops());
        Check(result, bench, controller);
        result.Add("rate", options.Rate, 0);
        result.Add("frame", options.FrameLength);
        result.Add("seconds", options.Seconds, 3);
        Machine.Describe(result);
        return result;
    }

    private static Part Measure(MeasuredSwitch bench, PacedPort port, PacketInReceiver controller, double rate, double seconds, CancellationToken cancellation)
    {
        controller.Latencies.Clear();
        long received = (long)bench.ReadPort(Input).ReceivedPackets;
        long arrived = controller.Count;
        long start = Stopwatch.GetTimestamp();
        port.Start(rate);
        cancellation.WaitHandle.WaitOne(TimeSpan.FromSeconds(seconds));
        port.Stop();
        double offered = (long)bench.ReadPort(Input).ReceivedPackets - received;
        double got = controller.Count - arrived;
        double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        controller.WaitUntilSilent(DrainTime, Patience, () => Unaccounted(bench, controller) == 0);
        long all = (long)bench.ReadPort(Input).ReceivedPackets - received;
        return new Part(offered / elapsed, got / elapsed, all - (controller.Count - arrived));
    }

    /// <summary>What arrived, what the full queue dropped and what the connection dropped is all there was.</summary>
    private static void Check(BenchResult result, MeasuredSwitch bench, PacketInReceiver controller)
    {
        long received = (long)bench.ReadPort(Input).ReceivedPackets;
        long dropped = Dropped(bench);
        result.Add("unaccounted", Unaccounted(bench, controller));
        if (received == 0)
        {
            result.Fail("nothing was received");
        }
        if (received != dropped + controller.Count)
        {
            result.Fail($"of {received} packets {controller.Count} arrived and {dropped} are counted as drops");
        }
    }

    private static long Dropped(MeasuredSwitch bench) => bench.ReadDrops().Sum(drop => drop.Count) + bench.ReadConnectionDrops();

    /// <summary>Packets under way, once none comes any more.</summary>
    private static long Unaccounted(MeasuredSwitch bench, PacketInReceiver controller) =>
        (long)bench.ReadPort(Input).ReceivedPackets - Dropped(bench) - controller.Count;

    /// <param name="Offered">Packets a second.</param>
    /// <param name="Arrived">Packet-ins a second.</param>
    private readonly record struct Part(double Offered, double Arrived, long Dropped);

    /// <summary>A controller that counts packet-ins and reads from each when its packet was received.</summary>
    private sealed class PacketInReceiver : IDisposable
    {
        private readonly OfClient _client;
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _receiving;
        private long _count;

        public PacketInReceiver(string target, ushort missSendLength, TimeSpan patience)
        {
            _client = OfClient.Connect(target, patience);
            _client.OnMessage = OnMessage;
            _client.Send((buffer, xid) => ConfigMessage.WriteSet(buffer, xid, new SwitchConfig(OfConfigFlags.FragmentsNormal, missSendLength)));
            _client.Barrier();
            _receiving = Task.Factory.StartNew(
                () => _client.Monitor(_stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        public long Count => Volatile.Read(ref _count);

        /// <summary>Written by the receiver's thread; read and cleared while nothing arrives.</summary>
        public Histogram Latencies { get; } = new();

        /// <param name="isAll">Whether nothing is under way: on a loaded machine a silence alone does not tell.</param>
        /// <exception cref="OfClientException">The connection failed.</exception>
        public void WaitUntilSilent(TimeSpan silence, TimeSpan patience, Func<bool> isAll)
        {
            long start = Stopwatch.GetTimestamp();
            long seen = -1;
            while ((seen != Count || !isAll()) && !_receiving.IsFaulted && Stopwatch.GetElapsedTime(start) < patience)
            {
                seen = Count;
                Thread.Sleep(silence);
            }
            if (_receiving.IsFaulted)
            {
                _receiving.GetAwaiter().GetResult();
            }
        }

        public void Dispose()
        {
            _stop.Cancel();
            ((IAsyncResult)_receiving).AsyncWaitHandle.WaitOne();
            _client.Dispose();
            _stop.Dispose();
        }

        private void OnMessage(ReadOnlySpan<byte> message)
        {
            if (PacketInMessage.TryDecode(message, out ReceivedPacketIn packetIn, out _) && packetIn.Data.Length >= FrameTag.Size
                && message[1] == (byte)OfType.PacketIn)
            {
                long stamp = MemoryMarshal.Read<long>(packetIn.Data[^(FrameTag.Size - FrameTag.StampOffset)..]);
                Latencies.Record(Histogram.Nanoseconds(Stopwatch.GetTimestamp() - stamp));
                Volatile.Write(ref _count, _count + 1);
            }
        }
    }
}
