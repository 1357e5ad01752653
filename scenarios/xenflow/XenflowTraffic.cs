using System.Buffers.Binary;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Lab;
using Softswitch.Lab.Linux;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>Numbered packets of many flows from the sender to the receiver, made and counted by programs in the kernel.</summary>
/// <remarks>Threads: one, and one of its own while packets are sent.</remarks>
internal sealed class XenflowTraffic : IDisposable
{
    // Counted where packets end that came faster than they could be taken; every other reason is what a table or a port said.
    private static readonly DropReason[] Overload = [DropReason.TransmitQueueFull, DropReason.HandoverQueueFull, DropReason.NoFrame];

    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(60);

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);

    // Packets go on until it is over: of tens of thousands of flows, on a machine that does other things too.
    private static readonly TimeSpan LongestMove = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LongestDrain = TimeSpan.FromSeconds(10);

    // Of packets of new flows; the way by the controller keeps up with it on a busy machine too, or is gone again.
    private const double FillRate = 2000;
    private const int MostFills = 20;

    private readonly XenflowLab _lab;
    private readonly int _flows;
    private readonly LabSwitch[] _switches;
    private readonly FrameTraffic _traffic;

    /// <param name="frameLength">Bytes without FCS.</param>
    /// <param name="most">Packets of a trial at most.</param>
    /// <exception cref="TestbedException">The kernel lets this user load no programs.</exception>
    public XenflowTraffic(XenflowLab lab, int frameLength, int flows, long most)
    {
        _lab = lab;
        _flows = flows;
        _switches = [lab.Link1, lab.Machine1, lab.Machine2, lab.Link2];
        FrameLength = frameLength;
        try
        {
            // The generator's frames are taken in by NAPI, as a card's are: see FrameGenerator. A TAP device has no other end.
            if (HasInterface(lab.Link1, LabSwitch.InterfaceOf(1)))
            {
                lab.Link1.Network.Run(() => InterfaceFeatures.SetReceiveOffload(LabSwitch.InterfaceOf(1), on: true));
            }
            _traffic = new FrameTraffic(
                new(lab.Sender.Network, lab.Sender.CurrentInterface), new(lab.Receiver.Network, lab.Receiver.CurrentInterface), frameLength, flows, most);
        }
        catch (SystemCallException e) when (e.IsRefusal)
        {
            throw new TestbedException($"packets are made and counted by BPF programs, and this user may load none ({e.Message}): run it as root", e);
        }
    }

    public int FrameLength { get; }

    /// <summary>For trials at any rate; every flow has its entry, and the code has run once.</summary>
    public static XenflowTraffic ForTrials(ScenarioRun run, XenflowLab lab, PacketSize size)
    {
        double seconds = run.Get(XenflowParameters.Duration);
        double rate = Math.Max(size.LineRate, run.Get(XenflowParameters.Rate) ?? 0);
        long most = (long)(rate * (seconds + LongestMove.TotalSeconds));
        var traffic = new XenflowTraffic(lab, size.FrameLength, run.Get(XenflowParameters.Flows), most);
        try
        {
            traffic.Fill(run);
            double once = Math.Min(size.MostOver(run.Get(CommonParameters.LinkRate)), 10_000);
            _ = traffic.Run(once, TimeSpan.FromSeconds(seconds), run.Cancellation);
            return traffic;
        }
        catch
        {
            traffic.Dispose();
            throw;
        }
    }

    /// <summary>Has an entry made for each flow that has none.</summary>
    /// <exception cref="TestbedException">It does not come about.</exception>
    public void Fill(ScenarioRun run)
    {
        double rate = Math.Min(FillRate, new PacketSize(FrameLength).MostOver(run.Get(CommonParameters.LinkRate)) / 2);
        for (int i = 0; XenflowLab.CountExact(_lab.Here).Flows < _flows; i++)
        {
            if (i == MostFills)
            {
                throw new TestbedException($"not all of {_flows} flows have entries after {MostFills} packets of each");
            }
            if (run.Get(XenflowParameters.Insertion) == CommonParameters.Proactive)
            {
                Insert(run);
            }
            else
            {
                _ = Send(rate, _flows, run.Cancellation);
            }
        }
    }

    /// <summary>Has the controller make an entry for each flow without a packet.</summary>
    public void Insert(ScenarioRun run)
    {
        bool isDone = false;
        byte[] frame = MeasuredFrame.Template(FrameLength);
        _lab.Controller.Insert(
            Enumerable.Range(0, _flows).Select(flow =>
            {
                BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(MeasuredFrame.SourcePortOffset), (ushort)flow);
                return frame;
            }),
            () => Volatile.Write(ref isDone, true));
        run.WaitUntil(() => Volatile.Read(ref isDone), "the flows are made in advance");
    }

    /// <summary>Offers so many packets, each flow in turn, and waits until the last has arrived.</summary>
    /// <param name="rate">Packets a second.</param>
    public XenflowTrial Send(double rate, long packets, CancellationToken cancellation) =>
        Measure(rate, Longest + TimeSpan.FromSeconds(2 * packets / rate), packets, static (_, _) => null, cancellation);

    /// <summary>Offers packets for so long and waits until the last has arrived.</summary>
    /// <param name="rate">Packets a second.</param>
    public XenflowTrial Run(double rate, TimeSpan duration, CancellationToken cancellation) =>
        Measure(rate, duration, _traffic.Capacity, static (_, _) => null, cancellation);

    /// <summary>
    /// As <see cref="Run(double, TimeSpan, CancellationToken)"/>, and does something meanwhile, with packets before it and, by the new way, after it.
    /// </summary>
    /// <param name="moment">When it begins, as a share of the time.</param>
    public XenflowTrial Run(double rate, TimeSpan duration, double moment, Func<FlowMove?> meanwhile, CancellationToken cancellation)
    {
        long before = 0;
        XenflowTrial trial = Measure(rate, Longest, _traffic.Capacity, (sending, enough) =>
        {
            cancellation.WaitHandle.WaitOne(duration * moment);
            WaitWhile(sending, () => _traffic.Counts.Received == 0);
            before = _traffic.Counts.Received;
            FlowMove? move = meanwhile();
            cancellation.WaitHandle.WaitOne(duration * (1 - moment));
            WaitWhile(sending, () => XenflowLab.CountExact(_lab.Here).Packets == 0);
            enough.Cancel();
            return move;
        }, cancellation);
        return trial with { ByOldPath = before, ByNewPath = XenflowLab.CountExact(_lab.Here).Packets };
    }

    public void Dispose() => _traffic.Dispose();

    /// <param name="meanwhile">Is given what sends, and what ends it before its time.</param>
    private XenflowTrial Measure(
        double rate, TimeSpan duration, long most, Func<Task, CancellationTokenSource, FlowMove?> meanwhile, CancellationToken cancellation)
    {
        _traffic.Begin();
        (Dictionary<string, long> decided, Dictionary<string, long> overloaded) = ReadDrops();
        long packetIns = _lab.Controller.PacketIns;
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task<GeneratorRun> sending = Task.Factory.StartNew(
            () => _traffic.Send(rate, duration, enough.Token, most, _lab.GeneratorProcessor).Sent, CancellationToken.None,
            TaskCreationOptions.LongRunning, TaskScheduler.Default);
        FlowMove? move;
        try
        {
            move = meanwhile(sending, enough);
        }
        catch
        {
            enough.Cancel();
            throw;
        }
        finally
        {
            ((IAsyncResult)sending).AsyncWaitHandle.WaitOne();
        }
        GeneratorRun sent = sending.GetAwaiter().GetResult();
        _traffic.WaitUntilQuiet(Quiet, LongestDrain, () => _traffic.Counts.Delivered >= sent.Packets, cancellation);
        cancellation.ThrowIfCancellationRequested();
        (Dictionary<string, long> decidedAfter, Dictionary<string, long> overloadedAfter) = ReadDrops();
        return new XenflowTrial(
            rate, sent.Elapsed, sent.Packets, _traffic.Counts, _lab.Controller.PacketIns - packetIns, Grown(decided, decidedAfter), Grown(overloaded, overloadedAfter), move);
    }

    private static void WaitWhile(Task sending, Func<bool> isSo)
    {
        while (!sending.IsCompleted && isSo())
        {
            Thread.Sleep(1);
        }
    }

    private static bool HasInterface(LabSwitch device, string name) => device.Links.FindLink(name) != null;

    private static Dictionary<string, long> Grown(Dictionary<string, long> before, Dictionary<string, long> after) =>
        after.Select(place => KeyValuePair.Create(place.Key, place.Value - before.GetValueOrDefault(place.Key))).Where(place => place.Value > 0).ToDictionary();

    private (Dictionary<string, long> Decided, Dictionary<string, long> Overloaded) ReadDrops()
    {
        var decided = new Dictionary<string, long>();
        var overloaded = new Dictionary<string, long> { ["sender"] = InterfaceCounters.Read(_lab.Sender.Network, _lab.Sender.CurrentInterface).TransmitDropped };
        foreach (LabSwitch device in _switches)
        {
            using (device.Host.Control.EnterWithoutTable())
            {
                foreach (DropReason reason in Enum.GetValues<DropReason>())
                {
                    (Overload.Contains(reason) ? overloaded : decided)[$"{device.Name} {reason}"] = device.Host.Control.Accounts.ReadDrops(reason);
                }
                foreach (PortDescription port in device.Host.Control.Ports.Descriptions)
                {
                    device.Host.Control.Ports.TryRead(port.Number, out PortStatistics counters);
                    overloaded[$"{device.Name} port {port.Number} receive"] = (long)counters.ReceiveDropped;
                    overloaded[$"{device.Name} port {port.Number} transmit"] = (long)counters.TransmitErrors;
                    if (HasInterface(device, port.Name))
                    {
                        overloaded[$"{device.Name} port {port.Number} kernel queue"] = InterfaceCounters.Read(device.Network, port.Name).ReceiveDropped;
                    }
                }
            }
        }
        return (decided, overloaded);
    }
}
