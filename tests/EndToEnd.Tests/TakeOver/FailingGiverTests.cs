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
        listener.Bind(new UnixDomainSocketEndPoint(path));
        try
        {
            listener.Listen();
            string network = lab.Inside.Run(NetworkNamespace.NameOfCurrent);
            var giver = new Thread(() => Give(listener, way, network));
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
        }
    }

    private static void Give(Socket listener, string way, string network)
    {
        using Socket client = listener.Accept();
        using DescriptorSocket socket = DescriptorSocket.Of((int)client.Handle);
        using HandoverChannel channel = new(socket, 1 << 20);
        byte[] next = new byte[1];
        do
        {
            socket.Receive(next, [], Patience);
        }
        while (next[0] != '\n');
        try
        {
            Answer(socket, channel, way, network);
        }
        catch (IOException)
        {
            // the new switch has heard enough
        }
    }

    private static void Answer(DescriptorSocket socket, HandoverChannel channel, string way, string network)
    {
        switch (way)
        {
            case "hangs up":
                return;
            case "answers at length":
                socket.Send(new byte[100_000], [], Patience);
                return;
            case "refuses":
                socket.Send(Encoding.UTF8.GetBytes(" not today\nerror\n"), [], Patience);
                return;
        }
        socket.Send(Encoding.UTF8.GetBytes("ok\n"), [], Patience);
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
