using System.Net.Sockets;
using System.Text;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Hosting.TakeOver;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.EndToEnd.Tests.TakeOver;

/// <summary>A new switch beside something that listens like a switch and is none, or dies: it ends with a line, and interfaces are as they were.</summary>
public sealed class FailingGiverTests
{
    private const int Patience = 30_000;

    [Theory]
    [InlineData("hangs up")]
    [InlineData("answers at length")]
    [InlineData("refuses")]
    [InlineData("offers a port that makes no sense")]
    [InlineData("hangs up while stopped")]
    public void The_new_switch_ends_with_one_line(string way)
    {
        Softswitch.Testing.Needs.Xdp("ethtool");
        using var lab = new CabledHosts();
        string before = InterfacePicture.Of(lab.Inside);
        string path = Path.Combine(Path.GetTempPath(), $"giver-{Guid.NewGuid():N}");
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using Socket beside = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        try
        {
            listener.Listen();
            beside.Bind(new UnixDomainSocketEndPoint(HandoverTarget.PathBeside(path)));
            beside.Listen();
            string network = lab.Inside.Run(NetworkNamespace.NameOfCurrent);
            var giver = new Thread(() => Give(listener, beside, way, network));
            giver.Start();
            CommandResult ended = lab.RunToEnd("--port", "1=packet:s1", "--port", "2=xdp:s2", "--take-over", $"unix:{path}");
            giver.Join();
            Assert.Equal(2, ended.ExitCode);
            string[] lines = [.. ended.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.Contains(" info ", StringComparison.Ordinal))];
            Assert.Contains("take", Assert.Single(lines), StringComparison.Ordinal);
            Assert.Equal(before, InterfacePicture.Of(lab.Inside));
        }
        finally
        {
            File.Delete(path);
            File.Delete($"{path}.take-over");
        }
    }

    private static void Give(Socket listener, Socket beside, string way, string network)
    {
        try
        {
            using (Socket client = listener.Accept())
            {
                byte[] request = new byte[4096];
                client.Receive(request);
                client.Send(Encoding.UTF8.GetBytes(way switch
                {
                    "hangs up" => string.Empty,
                    "answers at length" => new string('\0', 100_000),
                    "refuses" => "HTTP/1.1 400 Bad Request\r\nContent-Length: 10\r\n\r\nnot today\n",
                    _ => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                }));
            }
            if (way is not ("hangs up" or "answers at length" or "refuses"))
            {
                using Socket taker = beside.Accept();
                using DescriptorSocket socket = DescriptorSocket.Of((int)taker.Handle);
                using HandoverChannel channel = new(socket, 1 << 20);
                Answer(socket, channel, way, network);
            }
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // the new switch has heard enough
        }
    }

    private static void Answer(DescriptorSocket socket, HandoverChannel channel, string way, string network)
    {
        switch (way)
        {
            case "agrees and hangs up":
                return;
            case "agrees and sends garbage":
                socket.Send(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("garbage", 1000))), [], Patience);
                return;
        }
        BinaryWriter to = channel.Payload;
        to.Write(42UL);
        to.Write(string.Empty);
        to.Write("giver");
        to.Write(1024);
        to.Write(2048);
        to.Write(network);
        channel.Send(HandoverMessage.Switch, Patience);
        if (way == "offers a port that makes no sense")
        {
            to.Write((ushort)1);
            to.Write("packet:s1");
            to.Write(string.Empty);
            to.Write("packet");
            to.Write(3);
            to.Write([1, 2, 3]);
            channel.Send(HandoverMessage.Port, Patience);
        }
        channel.Send(HandoverMessage.OfferEnd, Patience);
        channel.Expect(HandoverMessage.Opened, Patience);
        channel.Send(HandoverMessage.EntriesEnd, Patience);
        channel.Expect(HandoverMessage.Loaded, Patience);
    }
}
