using Softswitch.Bench.Sides;
using Softswitch.Bench.Vhost;
using Softswitch.Lab;
using Softswitch.Lab.Linux;
using Softswitch.Lab.Machines;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Latency;

/// <summary>A guest with two network cards whose one thread sends by the first at a steady rate, and looks all the while what came to the second.</summary>
/// <remarks>Threads: one, and one of its own during a trial.</remarks>
internal sealed class LatencyGuest : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-latency-").FullName;
    private readonly PollingCard[] _cards;
    private readonly FrontEnd[] _frontEnds;
    private readonly int _processor;

    /// <param name="processor">Where its thread runs.</param>
    /// <exception cref="SystemCallException">The system gives no memory.</exception>
    public LatencyGuest(VhostCase row, bool hugePages, int processor)
    {
        _processor = processor;
        int length = row.FrameLength - VhostCase.ChecksumLength;
        byte[][] flows = [.. Enumerable.Range(0, row.Flows).Select(flow => FrameOf(flow, length))];
        _cards = [new PollingCard(length, flows, hugePages), new PollingCard(length, flows, hugePages)];
        _frontEnds = [.. Enumerable.Range(1, _cards.Length).Select(number => new FrontEnd(Path.Combine(_folder, $"{number}.sock")))];
    }

    /// <summary>Where its cards listen for the switch.</summary>
    public IReadOnlyList<string> Sockets => [.. _frontEnds.Select(frontEnd => frontEnd.Path)];

    /// <summary>Gives the cards to the switch, once that has ports at both sockets.</summary>
    /// <exception cref="TestbedException">It does not come, or does not take them.</exception>
    public void Meet(CancellationToken cancellation)
    {
        for (int i = 0; i < _cards.Length; i++)
        {
            _frontEnds[i].Meet(_cards[i], cancellation);
        }
    }

    /// <summary>Sends packets from the first card to the second.</summary>
    /// <param name="rate">Packets a second, evenly; infinity for as many as the ring takes.</param>
    /// <exception cref="TestbedException">The switch breaks its rings.</exception>
    public LatencyTrial Run(IoSwitch device, double rate, TimeSpan duration, CancellationToken cancellation)
    {
        IReadOnlyDictionary<int, ThreadTimes> before = ProcessSchedule.ReadThreads(device.ProcessId);
        Task<LatencyTrial> running = Task.Factory.StartNew(
            () =>
            {
                ProcessorAffinity.TrySet([_processor]); // of this thread, which ends with the run
                return new LatencyRun(_cards[0], _cards[1], rate, duration).Run(cancellation);
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        ((IAsyncResult)running).AsyncWaitHandle.WaitOne();
        cancellation.ThrowIfCancellationRequested();
        long waited = ProcessSchedule.ReadThreads(device.ProcessId)
            .Select(after => (after.Value - before.GetValueOrDefault(after.Key)).Waited).DefaultIfEmpty().Max();
        return running.GetAwaiter().GetResult() with { SwitchWaited = TimeSpan.FromMicroseconds(waited / 1e3) };
    }

    public void Dispose()
    {
        Array.ForEach(_frontEnds, frontEnd => frontEnd.Dispose());
        Array.ForEach(_cards, card => card.Dispose());
        Directory.Delete(_folder, recursive: true);
    }

    private static byte[] FrameOf(int flow, int length)
    {
        byte[] frame = new byte[length];
        TestPmd.FieldsOf(flow).Write(frame);
        return frame;
    }
}
