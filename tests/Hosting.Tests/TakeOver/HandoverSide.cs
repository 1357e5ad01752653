using System.Collections.Concurrent;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.TakeOver;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Specs;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.TakeOver;

/// <summary>What one process has of a switch: a datapath with a worker that the test drives, and ports. It may be handed over.</summary>
internal sealed class HandoverSide : IHandedOver, IDisposable
{
    private readonly List<(ushort Number, PortSpec Spec, IPortDevice Device)> _ports = [];
    private readonly ConcurrentQueue<string> _log = [];
    private readonly HandoverSource _source;

    /// <param name="ports">Specifications, each with its number.</param>
    /// <param name="target">What to go on with of another; null for a fresh one.</param>
    public HandoverSide(string[] ports, HandoverTarget? target = null)
    {
        Control = new DatapathControl(new DatapathOptions { FrameCount = 1024, MaxExactEntries = 1 << 14, MaxWildcardEntries = 1 << 14, BufferCount = 16, DatapathId = 7 });
        Log = new LineLogger(_log.Enqueue);
        _source = new HandoverSource(this, Control, Log);
        foreach (string text in ports)
        {
            Assert.True(PortSpec.TryParse(text, out PortSpec? spec, out string? error), error);
            Open(spec, target);
        }
    }

    public DatapathControl Control { get; }

    public ILogger Log { get; }

    /// <summary>What the other process took; null while the switch is this one's.</summary>
    public HandoverResult? Taken { get; private set; }

    public bool IsStopped { get; private set; }

    public string Said => string.Join('\n', _log);

    public string Name => "edge";

    public string? ControlPath => null;

    public string Network { get; } = NetworkNamespace.NameOfCurrent();

    public IEnumerable<(string Label, ListeningSocket Listener)> Listeners => [];

    /// <summary>Two ends of a connection that has agreed to be a hand-over's.</summary>
    public static (Socket Source, DescriptorSocket Target) Connect()
    {
        (DescriptorSocket one, DescriptorSocket other) = VhostFrontEnd.Pair();
        using (one)
        {
            return (new Socket(new SafeSocketHandle(GuestRam.Duplicate(one.Descriptor), ownsHandle: true)), other);
        }
    }

    /// <summary>Serves a hand-over on a thread of its own.</summary>
    public Thread Serve(Socket connected)
    {
        var thread = new Thread(() => _source.Run(connected));
        thread.Start();
        return thread;
    }

    /// <summary>Has the worker forward some packets.</summary>
    public void Forward(int passes)
    {
        Assert.False(IsStopped);
        for (int i = 0; i < passes; i++)
        {
            Control.Workers[0].PollOnce();
        }
    }

    public void Add(FlowMatch match, ushort priority, FlowModFlags flags, params FlowAction[] actions)
    {
        using ControlScope scope = Control.Enter();
        Assert.Equal(ControlError.None, Control.Apply(new FlowMod { Match = match, Priority = priority, Flags = flags, Cookie = priority, Actions = actions }));
    }

    /// <summary>What each entry has counted, by its sequence. Without the lock, which a switch that was handed over keeps: nobody else is there.</summary>
    public SortedDictionary<ulong, (ulong Packets, ulong Bytes)> Counts()
    {
        SortedDictionary<ulong, (ulong, ulong)> counts = [];
        for (uint cursor = 0; Control.Flows.Next(ref cursor, new FlowFilter(FlowMatch.Any), out FlowStatistics entry);)
        {
            counts.Add(entry.Sequence, (entry.PacketCount, entry.ByteCount));
        }
        return counts;
    }

    public void BeginHandOver()
    {
    }

    public void EndHandOver()
    {
    }

    public List<OfferedPort> OfferPorts() => [.. _ports.Select(port => OfferedPort.Of(port.Number, port.Spec, port.Device))];

    public void StopWorkers() => IsStopped = true;

    public void ResumeWorkers() => IsStopped = false;

    public void SaveState(BinaryWriter to) => to.Write(Name);

    public void OnHandedOver(HandoverResult taken, int process) => Taken = taken;

    public void Dispose() => Control.Dispose();

    private void Open(PortSpec spec, HandoverTarget? target)
    {
        ushort number = spec.Number!.Value;
        DeviceOffer? offer = target?.TakePort(number, spec);
        IPortDevice device = offer == null ? PortFactory.Open(spec, Control.Frames) : PortFactory.Take(spec, Control.Frames, offer);
        if (offer != null)
        {
            target!.NoteDevice(number, device);
        }
        using ControlScope scope = Control.EnterWithoutTable();
        Assert.Equal(ControlError.None, Control.Ports.Add(number, device));
        _ports.Add((number, spec, device));
    }
}
