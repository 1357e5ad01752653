using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Softswitch.Lab;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>TCP sessions of the VM with its peers that carry next to nothing: what counts is that their entries move, and that they live.</summary>
internal sealed class L3MigConnections : IDisposable
{
    private const ushort Port = 6000;

    // Each begins with a packet-in; the limit of packet-ins lets more through.
    private const int MostAtOnce = 50;

    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(100); // between looks at whether the run is to end

    private readonly CancellationToken _cancellation;
    private readonly List<Socket> _peers = [];
    private readonly List<Socket> _machine = [];

    /// <summary>Opens them, one peer after the other.</summary>
    /// <exception cref="TestbedException">One cannot be opened.</exception>
    public L3MigConnections(ScenarioRun run, L3MigLab lab)
    {
        int wanted = run.Get(L3MigParameters.Sessions);
        _cancellation = run.Cancellation;
        if (wanted == 0)
        {
            return;
        }
        run.Own(this);
        using Socket listener = lab.Machine.Listen(ProtocolType.Tcp, Port)!;
        while (_peers.Count < wanted)
        {
            Open(run, lab, listener, Math.Min(MostAtOnce, wanted - _peers.Count));
        }
        run.Say($"{wanted} more sessions are open");
    }

    public int Count => _peers.Count;

    /// <summary>Sends a byte to the VM and back by each. All together have <see cref="ScenarioRun.Patience"/> each way.</summary>
    /// <returns>Those that brought it.</returns>
    /// <exception cref="OperationCanceledException">The run is to end.</exception>
    public int CountAlive()
    {
        _peers.ForEach(socket => TrySend(socket));
        long began = Stopwatch.GetTimestamp();
        int echoed = _machine.Count(socket => TryReceive(socket, began) && TrySend(socket));
        began = Stopwatch.GetTimestamp();
        return Math.Min(echoed, _peers.Count(socket => TryReceive(socket, began)));
    }

    public void Dispose()
    {
        _peers.ForEach(socket => socket.Dispose());
        _machine.ForEach(socket => socket.Dispose());
    }

    /// <summary>Waits until there is something to read or to accept.</summary>
    /// <param name="began">Stopwatch.GetTimestamp's. What is there is seen however late it is asked for.</param>
    /// <returns>False if nothing came.</returns>
    /// <exception cref="OperationCanceledException">As the token says.</exception>
    public static bool WaitToRead(Socket socket, long began, TimeSpan patience, CancellationToken cancellation)
    {
        TimeSpan left;
        do
        {
            cancellation.ThrowIfCancellationRequested();
            left = patience - Stopwatch.GetElapsedTime(began);
            if (socket.Poll(TimeSpan.FromTicks(Math.Clamp(left.Ticks, 0, Slice.Ticks)), SelectMode.SelectRead))
            {
                return true;
            }
        }
        while (left > TimeSpan.Zero);
        return false;
    }

    private static bool TrySend(Socket socket)
    {
        try
        {
            return socket.Send([1]) == 1;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private bool TryReceive(Socket socket, long began)
    {
        try
        {
            return WaitToRead(socket, began, ScenarioRun.Patience, _cancellation) && socket.Receive(new byte[1]) == 1;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Open(ScenarioRun run, L3MigLab lab, Socket listener, int count)
    {
        var opening = new List<Task>();
        using var limit = new CancellationTokenSource(ScenarioRun.Patience);
        var to = new IPEndPoint(lab.Machine.IPAddress, Port);
        for (int i = 0; i < count; i++)
        {
            LabHost peer = lab.Peers[_peers.Count % lab.Peers.Count];
            Socket socket = peer.Run(static () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
            _peers.Add(socket);
            opening.Add(socket.ConnectAsync(to, limit.Token).AsTask());
        }
        run.WaitUntil(() => opening.TrueForAll(one => one.IsCompleted), $"{_peers.Count} sessions are open");
        if (opening.Find(one => !one.IsCompletedSuccessfully) is { } failed)
        {
            throw new TestbedException($"a session with the VM cannot be opened: {failed.Exception?.InnerException?.Message ?? "no answer"}");
        }
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++)
        {
            if (!WaitToRead(listener, began, ScenarioRun.Patience, _cancellation))
            {
                throw new TestbedException($"{_peers.Count} sessions are open, and {_machine.Count} have reached the VM");
            }
            _machine.Add(listener.Accept());
        }
    }
}
