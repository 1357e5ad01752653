using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Client;

public class OfClientTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Impatience = TimeSpan.FromMilliseconds(50);

    [Theory]
    [InlineData("tcp:", "'tcp:': it names no host")]
    [InlineData("tcp:127.0.0.1:0", "'tcp:127.0.0.1:0': a port is a number from 1 to 65535")]
    [InlineData("tcp:127.0.0.1:x", "'tcp:127.0.0.1:x': a port is a number from 1 to 65535")]
    [InlineData("ptcp:6653", "ptcp:6653: a target to connect to is needed (tcp:HOST[:PORT], ssl:HOST[:PORT] or unix:PATH)")]
    [InlineData("br0", "'br0' is neither tcp:HOST[:PORT], ssl:HOST[:PORT] or unix:PATH nor ptcp:[PORT][:HOST], pssl:[PORT][:HOST] or punix:PATH")]
    [InlineData("ssl:127.0.0.1", "ssl:127.0.0.1: needs --private-key, --certificate and --ca-cert")]
    [InlineData("unix:/nonexistent/socket", "unix:/nonexistent/socket: no such socket")]
    public void A_target_that_cannot_be_reached_is_answered_with_the_reason(string target, string expected)
    {
        OfClientException e = Assert.Throws<OfClientException>(() => OfClient.Connect(target, Patience));
        Assert.Equal(expected, e.Message);
    }

    [Fact]
    public void A_refused_connection_names_the_target()
    {
        using Socket taken = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // bound but not listening: refuses, and nobody else can have it
        string target = $"tcp:127.0.0.1:{((IPEndPoint)taken.LocalEndPoint!).Port}";
        OfClientException e = Assert.Throws<OfClientException>(() => OfClient.Connect(target, Patience));
        Assert.Equal($"{target}: connection refused", e.Message);
    }

    [Fact]
    public async Task A_silent_peer_is_given_up()
    {
        TimeSpan patience = Impatience;
        string message;
        string target;
        Task script;
        using ManualResetEventSlim done = new();
        do
        {
            patience *= 2; // until it is enough to be connected
            (target, script) = ScriptedPeer.Listen(_ => done.Wait());
            message = Assert.Throws<OfClientException>(() => OfClient.Connect(target, patience)).Message;
        }
        while (message == $"{target}: connection timed out");
        done.Set();
        await script;
        Assert.Equal($"{target}: the switch did not answer within {patience.TotalSeconds:0.#} s", message);
    }

    [Fact]
    public async Task A_switch_that_stops_answering_is_given_up()
    {
        using ManualResetEventSlim done = new();
        (string target, Task script) = ScriptedPeer.Listen(peer =>
        {
            peer.Send(b => HelloMessage.Write(b, 1));
            done.Wait();
        });
        using OfClient client = OfClient.Connect(target, Patience);
        client.Timeout = Impatience;
        OfClientException e = Assert.Throws<OfClientException>(() => client.Barrier());
        done.Set();
        await script;
        Assert.Contains("did not answer within", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_switch_that_speaks_only_newer_versions_is_named_with_them()
    {
        (string target, _) = ScriptedPeer.Listen(peer => peer.Send(b => b.Append([4, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 0x10])));
        OfClientException e = Assert.Throws<OfClientException>(() => OfClient.Connect(target, Patience));
        Assert.Equal($"{target}: the switch speaks OpenFlow 1.3 only; OpenFlow 1.0 is spoken here", e.Message);
    }

    [Fact]
    public void A_switch_that_refuses_the_version_is_quoted()
    {
        (string target, _) = ScriptedPeer.Listen(peer => peer.Send(b => ErrorMessage.Write(b, 1, OfError.HelloIncompatible, "1.3 only"u8)));
        OfClientException e = Assert.Throws<OfClientException>(() => OfClient.Connect(target, Patience));
        Assert.Equal($"{target}: the switch refused OpenFlow 1.0: OFPHFC_INCOMPATIBLE 1.3 only", e.Message);
    }

    [Fact]
    public async Task A_hello_of_a_higher_version_is_taken()
    {
        (string target, Task script) = ScriptedPeer.Listen(peer =>
        {
            peer.SendBytes([4, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 0x12]);
            byte[] request = peer.Await(OfType.BarrierRequest);
            peer.Send(b => BarrierMessage.WriteReply(b, ScriptedPeer.XidOf(request)));
        });
        using OfClient client = OfClient.Connect(target, Patience);
        Assert.Equal(0, client.Barrier());
        await script;
    }

    [Fact]
    public async Task Parts_of_a_reply_are_joined_and_echo_requests_between_them_answered()
    {
        (string target, Task script) = ScriptedPeer.Listen(peer =>
        {
            peer.Send(b => HelloMessage.Write(b, 1));
            uint xid = ScriptedPeer.XidOf(peer.Await(OfType.StatsRequest));
            for (ushort part = 0; part < 3; part++)
            {
                peer.Send(b =>
                {
                    int start = StatsMessage.BeginReply(b, xid, OfStatsType.Port);
                    PortStatsMessage.WriteEntry(b, new PortStatistics { PortNumber = part });
                    StatsMessage.EndReply(b, start, more: part < 2);
                    EchoMessage.WriteRequest(b, (uint)(100 + part), [7]);
                });
            }
            peer.Send(b => BarrierMessage.WriteReply(b, ScriptedPeer.XidOf(peer.Await(OfType.BarrierRequest))));
        });
        using OfClient client = OfClient.Connect(target, Patience);
        Assert.True(client.TryReadPortStatistics(0xffff, out List<PortStatistics> ports));
        Assert.Equal([0, 1, 2], ports.Select(p => (int)p.PortNumber));
        client.Barrier();
        await script;
    }

    [Fact]
    public async Task A_long_batch_that_only_earns_errors_comes_to_its_end()
    {
        const int count = 30_000;
        (string target, Task script) = ScriptedPeer.Listen(peer =>
        {
            peer.Send(b => HelloMessage.Write(b, 1));
            while (peer.TryRead(mayReset: true) is { } message)
            {
                uint xid = ScriptedPeer.XidOf(message);
                if (message[1] == (byte)OfType.FlowMod)
                {
                    peer.Send(b => ErrorMessage.Write(b, xid, OfError.FlowModAllTablesFull, message));
                }
                else if (message[1] == (byte)OfType.BarrierRequest)
                {
                    peer.Send(b => BarrierMessage.WriteReply(b, xid));
                }
            }
        });
        using (OfClient client = OfClient.Connect(target, Patience))
        {
            uint first = 0;
            for (int i = 0; i < count; i++)
            {
                uint xid = client.Send(new FlowMod { Match = default, Actions = [FlowAction.Output(1)] });
                first = i == 0 ? xid : first;
            }
            Assert.Equal(count, client.Barrier());
            Assert.Equal(OfClient.MaxErrors, client.Errors.Count);
            Assert.Equal(first, client.Errors[0].Xid);
            Assert.Equal("OFPFMFC_ALL_TABLES_FULL", client.Errors[0].Error.Name);
        }
        await script;
    }

    [Fact]
    public async Task Whatever_bytes_come_only_the_documented_exception_is_thrown()
    {
        const int seed = 20_250_707;
        Random random = new(seed);
        for (int round = 0; round < 100; round++)
        {
            byte[] garbage = new byte[random.Next(200)];
            random.NextBytes(garbage);
            (string target, Task script) = ScriptedPeer.Listen(peer =>
            {
                if (round % 2 == 0)
                {
                    peer.Send(b => HelloMessage.Write(b, 1));
                    // A header that looks right leads further in.
                    if (garbage.Length > 8)
                    {
                        (garbage[0], garbage[1], garbage[2], garbage[3]) = (1, (byte)random.Next(22), 0, (byte)random.Next(8, garbage.Length));
                        (garbage[4], garbage[5], garbage[6], garbage[7]) = (0, 0, 0, 2);
                    }
                }
                peer.SendBytes(garbage);
            });
            try
            {
                using OfClient client = OfClient.Connect(target, Patience);
                client.OnMessage = message => MessageText.Format(message);
                client.TryReadFeatures(out _, out _);
                client.TryReadFlows(new ParsedFlow().ToFilter(), static (in FlowStatistics _) => { });
            }
            catch (OfClientException)
            {
                // That is what it is for.
            }
            await Task.WhenAny(script); // it may have failed to write to a client that left
        }
    }
}
