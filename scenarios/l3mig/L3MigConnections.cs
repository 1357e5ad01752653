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

    private readonly List<Socket> _peers = [];
    private readonly List<Socket> _machine = [];

    /// <summary>Opens them, one peer after the other.</summary>
    /// <exception cref="TestbedException">One cannot be opened.</exception>
    public L3MigConnections(ScenarioRun run, L3MigLab lab)
    {
        int wanted = run.Get(L3MigParameters.Sessions);
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

    /// <summary>Sends a byte to the VM and back by each.</summary>
    /// <returns>Those that brought it.</returns>
    public int CountAlive()
    {
        _peers.ForEach(socket => TrySend(socket));
        int echoed = _machine.Count(socket => TryReceive(socket) && TrySend(socket));
        return Math.Min(echoed, _peers.Count(TryReceive));
    }

    public void Dispose()
    {
        _peers.ForEach(socket => socket.Dispose());
        _machine.ForEach(socket => socket.Dispose());
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

    private static bool TryReceive(Socket socket)
    {
        try
        {
            return socket.Poll(ScenarioRun.Patience, SelectMode.SelectRead) && socket.Receive(new byte[1]) == 1;
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
        for (int i = 0; i < count; i++)
        {
            _machine.Add(listener.Accept());
        }
    }
}
