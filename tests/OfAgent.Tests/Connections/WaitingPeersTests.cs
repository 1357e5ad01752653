using System.Net;
using System.Net.Sockets;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Connections;

/// <summary>Whose turn it is among peers that have connected, and who is turned away.</summary>
public sealed class WaitingPeersTests : IDisposable
{
    private const string Flooding = "127.0.0.1";
    private const string Other = "127.0.0.2";
    private const string Third = "127.0.0.3";

    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly HashSet<string> _known = [];
    private readonly List<Socket> _ends = [];
    private readonly WaitingPeers _sut = new();

    public WaitingPeersTests()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(WaitingPeers.Capacity);
    }

    public void Dispose()
    {
        _sut.Dispose();
        _listener.Dispose();
        _ends.ForEach(end => end.Dispose());
    }

    [Fact]
    public void Origins_take_turns_however_many_peers_of_one_wait()
    {
        Come(Flooding, 10);
        Come(Other, 2);
        Come(Third);

        Assert.Equal([Flooding, Other, Third, Flooding, Other, .. Enumerable.Repeat(Flooding, 8)], TakeAll());
    }

    [Fact]
    public void A_known_origin_comes_first_unless_it_floods()
    {
        Come(Flooding, 6);
        Come(Other, 2);
        Come(Third, 2);
        _known.UnionWith([Flooding, Third]);

        Assert.Equal([Third, Third, Flooding, Other, Flooding, Flooding, Flooding, Flooding, Flooding, Other], TakeAll());
    }

    [Fact]
    public void Of_an_origin_who_has_said_something_comes_before_who_is_silent()
    {
        Come(Flooding, 3);
        Socket talking = Come(Flooding);
        talking.Send([1]);
        AwaitInput(_ends[^1]);

        Assert.Equal(talking.LocalEndPoint, _sut.Take(_known.Contains)!.RemoteEndPoint);
    }

    [Fact]
    public void Who_has_left_without_a_word_has_no_turn()
    {
        Come(Flooding).Dispose();
        AwaitInput(_ends[^1]);
        Come(Flooding);

        Assert.Single(TakeAll());
    }

    [Fact]
    public void When_there_is_no_room_the_origin_with_the_most_gives_it()
    {
        Come(Other, 3);
        Socket talking = Come(Flooding);
        talking.Send([1]);
        AwaitInput(_ends[^1]);
        Socket silent = Come(Flooding);
        Come(Flooding, WaitingPeers.Capacity - 5);
        Come(Flooding, out Socket? turnedAway);
        Assert.Equal(silent.LocalEndPoint, turnedAway!.RemoteEndPoint);
        turnedAway.Dispose();
        Come(Third, out turnedAway);
        Assert.Equal(Flooding, PeerOrigin.Of(turnedAway!));
        turnedAway!.Dispose();

        string[] served = [.. TakeAll()];
        Assert.Equal((3, 1, WaitingPeers.Capacity - 4), (served.Count(Other.Equals), served.Count(Third.Equals), served.Count(Flooding.Equals)));
    }

    [Fact]
    public void A_peer_on_a_unix_socket_is_known_by_its_process()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using Socket client = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        client.Connect(new UnixDomainSocketEndPoint(path));
        using Socket accepted = listener.Accept();
        File.Delete(path);

        Assert.Equal($"process {Environment.ProcessId}", PeerOrigin.Of(accepted));
        Assert.False(PeerOrigin.StateOf(accepted).HasLeft);
        client.Dispose();
        Assert.True(PeerOrigin.StateOf(accepted).HasLeft);
    }

    private IEnumerable<string> TakeAll()
    {
        while (_sut.Take(_known.Contains) is { } peer)
        {
            string origin = PeerOrigin.Of(peer);
            peer.Dispose();
            yield return origin;
        }
    }

    private void Come(string from, int count)
    {
        for (int i = 0; i < count; i++)
        {
            Come(from);
        }
    }

    private Socket Come(string from)
    {
        Socket peer = Come(from, out Socket? turnedAway);
        Assert.Null(turnedAway);
        return peer;
    }

    /// <returns>The peer's own end.</returns>
    private Socket Come(string from, out Socket? turnedAway)
    {
        Socket peer = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _ends.Add(peer);
        peer.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        peer.Connect(_listener.LocalEndPoint!);
        Socket accepted = _listener.Accept();
        _ends.Add(accepted);
        turnedAway = _sut.Add(accepted);
        return peer;
    }

    private static void AwaitInput(Socket accepted) => Assert.True(accepted.Poll(Eventually.Bound, SelectMode.SelectRead));
}
