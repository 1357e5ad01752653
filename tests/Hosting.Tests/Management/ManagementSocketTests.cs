using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Softswitch.Hosting.Management;
using Softswitch.OfAgent.Connections;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.Management;

/// <summary>How clients get from the control socket to what serves them.</summary>
public sealed class ManagementSocketTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-socket-");
    private readonly ManagementSocket _socket;
    private readonly Recorder _server = new();

    public ManagementSocketTests() => _socket = ManagementSocket.Open(Path);

    private string Path => System.IO.Path.Combine(_folder.FullName, "control");

    public void Dispose()
    {
        _socket.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void Who_only_looks_whether_somebody_listens_has_no_server_made_and_who_says_something_is_served()
    {
        for (int i = 0; i < 3; i++)
        {
            Assert.True(UnixSocketFile.IsListening(Path));
        }
        using Socket client = Connect();
        client.Send("x"u8);
        _socket.Serve(() => _server, NullLogger.Instance);
        Eventually.True(() => _server.Clients > 0, "the client is served");
        Assert.Equal(1, _server.Clients);
    }

    [Fact]
    public void Who_cannot_be_served_is_hung_up_on_and_the_next_one_is_tried_again()
    {
        int tries = 0;
        _socket.Serve(() => Interlocked.Increment(ref tries) == 1 ? throw new IOException("no library") : _server, NullLogger.Instance);
        using Socket first = Connect();
        first.Send("x"u8);
        try
        {
            Assert.Equal(0, first.Receive(new byte[1]));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // what it said was not read
        }
        using Socket second = Connect();
        second.Send("x"u8);
        Eventually.True(() => _server.Clients == 1, "the second one is served");
    }

    [Fact]
    public void The_end_takes_the_file_and_the_server_along()
    {
        _socket.Serve(() => _server, NullLogger.Instance);
        using Socket client = Connect();
        client.Send("x"u8);
        Eventually.True(() => _server.Clients == 1, "it is served");
        _socket.Dispose();
        Assert.True(_server.IsDisposed);
        Assert.False(File.Exists(Path));
    }

    private Socket Connect()
    {
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(Path));
        return client;
    }

    private sealed class Recorder : IConnectionServer
    {
        private int _clients;

        public int Clients => Volatile.Read(ref _clients);

        public bool IsDisposed { get; private set; }

        public void Serve(Socket client)
        {
            client.Dispose();
            Interlocked.Increment(ref _clients);
        }

        public void Dispose() => IsDisposed = true;
    }
}
