using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Pipeline;
using Softswitch.OfAgent.Agent;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Memory;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>A whole switch without interfaces: agent, datapath, a worker thread and a control thread, memory ports 1 and 2.</summary>
internal sealed class AgentHarness : IDisposable
{
    private readonly BlockingCollection<string> _log = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly WorkerThreads _workers = new(1, () => new EpollWaiter());
    private readonly Thread _control;

    public AgentHarness(AgentOptions? options = null, DatapathOptions? datapath = null)
    {
        datapath ??= new DatapathOptions { DatapathId = 0x42, MaxExactEntries = 1 << 17 };
        Control = new DatapathControl(datapath with { FrameCount = 4096, BufferTimeout = TimeSpan.FromHours(1) }); // its clock is the machine's
        for (ushort number = 1; number <= 2; number++)
        {
            MemoryPort port = new($"p{number}", Control.Frames) { HardwareAddress = new(0x0200_0000_ff00UL + number) };
            using (Control.EnterWithoutTable())
            {
                Control.Ports.Add(number, port);
            }
            Ports[number] = port;
        }
        options ??= new AgentOptions { TimeProvider = new TestTime() }; // no probes in between
        options = options with { Log = new LineLogger(_log.Add) };
        if (options.Listeners.Count == 0)
        {
            options = options with { Listeners = [Target("ptcp:0:127.0.0.1")] };
        }
        Agent = new SwitchAgent(Control, options);
        _control = new Thread(() => Control.Serve(_stop.Token));
        _workers.Add(Control.Workers, (_, failure) => _log.Add($"worker: {failure}"));
        _control.Start();
        Agent.Start();
    }

    public DatapathControl Control { get; }

    public SwitchAgent Agent { get; }

    public Dictionary<ushort, MemoryPort> Ports { get; } = [];

    public static ConnectionTarget Target(string text)
    {
        Assert.True(ConnectionTarget.TryParse(text, out ConnectionTarget? target, out string error), error);
        return target!;
    }

    /// <summary>A listening socket of a controller, and what the switch needs to connect to it.</summary>
    public static Socket ListenAsController(out ConnectionTarget target)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        target = Target($"tcp:127.0.0.1:{((IPEndPoint)socket.LocalEndPoint!).Port}");
        return socket;
    }

    /// <summary>Accepts the switch's connection; a switch that does not come fails the test instead of hanging it.</summary>
    public static RawController Accept(Socket listener)
    {
        Assert.True(listener.Poll(Eventually.Bound, SelectMode.SelectRead), "the switch does not connect");
        return new RawController(listener.Accept());
    }

    /// <summary>Connects to the switch's listener, HELLOs exchanged.</summary>
    public RawController Connect() => new RawController(Agent.ListenPorts[0]).Greet();

    /// <summary>Waits for a log line that contains the text, and returns it.</summary>
    public string WaitForLog(string part)
    {
        List<string> seen = [];
        while (_log.TryTake(out string? line, Eventually.Bound))
        {
            if (line.Contains(part, StringComparison.Ordinal))
            {
                return line;
            }
            seen.Add(line);
        }
        throw new InvalidOperationException($"no log line with '{part}' among: {string.Join(" | ", seen)}");
    }

    /// <summary>Returns when nothing that was sent is still being handled: what a clock that the test moves shows of silence is the peers'.</summary>
    public void WaitUntilIdle() => Eventually.True(
        () =>
        {
            using (Agent.Control.EnterWithoutTable())
            {
                return Agent.Sessions.All.All(connection => connection.IsReading);
            }
        },
        "every connection is at rest");

    /// <summary>Waits until so many frames have come out of a port.</summary>
    public List<byte[]> Collect(ushort port, int count)
    {
        List<byte[]> frames = [];
        Eventually.Polled(
            () =>
            {
                frames.AddRange(Ports[port].Collect());
                return frames.Count >= count;
            },
            () => $"{count} frames come out of port {port}, not {frames.Count}");
        return frames;
    }

    public MissBehaviour ReadMissBehaviour()
    {
        using (Control.EnterWithoutTable())
        {
            return Control.Pipeline.MissBehaviour;
        }
    }

    public void Dispose()
    {
        Agent.Dispose();
        _stop.Cancel();
        Control.Wake();
        _workers.Dispose();
        _control.Join();
        Control.Dispose();
        _stop.Dispose();
    }
}
