using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.State;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports.Linux.Memory;

namespace Softswitch.Lab.Measures;

/// <summary>A whole switch on ports made for measuring: datapath, control thread, and an agent that listens on loopback.</summary>
internal sealed class MeasuredSwitch : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private Thread? _service;
    private SwitchAgent? _agent;
    private string? _state;
    private StateJournal? _journal;

    public MeasuredSwitch(DatapathOptions options)
    {
        Control = new DatapathControl(options with { AdviseHugePages = HugePages.Advise });
        Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
    }

    public DatapathControl Control { get; }

    /// <param name="beside">A port whose workers are to serve this one too.</param>
    public void AddPort(ushort number, IPortDevice device, ushort? beside = null)
    {
        using (Control.EnterWithoutTable())
        {
            Check(Control.Ports.Add(number, device, beside: beside), $"port {number}");
        }
    }

    public void AddFlow(in FlowMatch match, ushort priority, params ReadOnlySpan<FlowAction> actions)
    {
        using (Control.Enter())
        {
            Check(Control.Apply(new FlowMod { Match = match, Priority = priority, Actions = actions }), "a flow entry");
        }
    }

    /// <summary>The journal, if one is kept.</summary>
    public StateReport? State => _journal?.Read();

    /// <summary>Keeps a journal of the tables as <c>--state</c> does, until the end.</summary>
    /// <param name="parent">A folder of its own is made there; null for no journal.</param>
    /// <exception cref="OptionException">It cannot be written there.</exception>
    public void KeepState(string? parent)
    {
        if (parent != null)
        {
            _state = Path.Combine(parent, $"bench-{Guid.NewGuid():n}");
            StateFolder folder = StateFolder.Open(_state, NullLogger.Instance);
            _journal = StateJournal.Begin(Control, folder, StateClock.ForThisMachine(TimeProvider.System), static _ => { }, NullLogger.Instance);
            _journal.Start();
        }
    }

    /// <summary>Starts the thread that a running switch has for its control side.</summary>
    public void StartService()
    {
        _service = new Thread(() => Control.Serve(_stop.Token)) { IsBackground = true, Name = "control" };
        _service.Start();
    }

    /// <summary>Starts the agent; returns where it listens, as clients name it.</summary>
    public string Listen()
    {
        if (!ConnectionTarget.TryParse($"ptcp:0:{IPAddress.Loopback}", out ConnectionTarget? target, out string error))
        {
            throw new InvalidOperationException(error);
        }
        // The client reads only during a measurement. It may be silent for minutes while another switch is measured.
        _agent = new SwitchAgent(Control, new AgentOptions { Listeners = [target!], ProbeInterval = TimeSpan.FromDays(1) });
        _agent.Start();
        return $"tcp:{IPAddress.Loopback}:{_agent.ListenPorts[0]}";
    }

    /// <summary>Packet-ins that the connections lost because their peers read too slowly.</summary>
    public long ReadConnectionDrops() => _agent?.ReadConnections().Sum(connection => connection.DroppedPacketIns) ?? 0;

    public PortStatistics ReadPort(ushort number)
    {
        using (Control.EnterWithoutTable())
        {
            return Control.Ports.TryRead(number, out PortStatistics statistics)
                ? statistics : throw new InvalidOperationException($"no port {number}");
        }
    }

    /// <summary>Packets that ended inside the switch, and why.</summary>
    public IEnumerable<(DropReason Reason, long Count)> ReadDrops()
    {
        for (DropReason reason = 0; reason < DropReason.Count; reason++)
        {
            if (Control.Accounts.ReadDrops(reason) is long count and > 0)
            {
                yield return (reason, count);
            }
        }
    }

    public void Dispose()
    {
        _agent?.Dispose();
        _stop.Cancel();
        Control.Wake();
        _service?.Join();
        _journal?.Dispose();
        if (_state != null)
        {
            Directory.Delete(_state, recursive: true);
        }
        Control.Dispose();
        _stop.Dispose();
    }

    private static void Check(ControlError error, string what)
    {
        if (error != ControlError.None)
        {
            throw new OptionException($"the datapath refuses {what}: {error}");
        }
    }
}
