using System.Net;
using System.Net.Sockets;
using Softswitch.OfAgent.Tests.Agent;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Client;

/// <summary>What tests with ovs-ofctl and ovs-testcontroller have in common.</summary>
internal static class OvsTools
{
    /// <summary>So long that only a failure takes it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Skips the running test, with the reason, where a tool is missing.</summary>
    public static void Require(string name) =>
        Assert.SkipUnless(File.Exists($"/usr/bin/{name}"), $"{name} is not installed (apt-get install openvswitch-{(name == "ovs-ofctl" ? "common" : "testcontroller")})");

    /// <summary>A TCP port that was free a moment ago, and none of those that the kernel gives to whoever asks for any.</summary>
    public static int FreePort()
    {
        while (true)
        {
            using Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
            int port = Random.Shared.Next(10_000, 32_768); // ip_local_port_range begins there
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                // another one
            }
        }
    }

    /// <summary>Runs one of ovs-ofctl's commands to its end.</summary>
    /// <returns>What it printed.</returns>
    public static string Ofctl(params string[] arguments)
    {
        using RunningCommand running = RunningCommand.Start("ovs-ofctl", ["-O", "OpenFlow10", "--timeout=50", .. arguments]);
        return running.WaitForEnd(Patience).Checked().Output;
    }

    /// <summary>Has ovs-ofctl monitor the switch, and port 2 receive packets until it shows one.</summary>
    /// <param name="arguments">The target, and what it takes to connect to it.</param>
    public static void MonitorPacketIns(AgentHarness harness, params string[] arguments)
    {
        using RunningCommand monitor = RunningCommand.Start("ovs-ofctl", ["-O", "OpenFlow10", "--unixctl=none", .. arguments[..^1], "monitor", arguments[^1], "40"]);
        const string expected = "total_len=98 in_port=2 (via no_match) data_len=98 (unbuffered)";
        // What comes while it still sets itself up it passes over.
        Eventually.True(
            () =>
            {
                harness.Ports[2].TryInject(TestPacket.Icmp());
                return (monitor.Output + monitor.Error).Contains(expected, StringComparison.Ordinal) || monitor.HasExited;
            },
            "the monitor shows a packet-in");
        monitor.WaitForText(expected, Patience);
    }

    /// <summary>The first frame may be lost while the controller still sets itself up, as on any network.</summary>
    public static byte[] SendUntilReceived(AgentHarness harness, byte[] frame, ushort from = 1, ushort to = 2)
    {
        byte[]? received = null;
        Eventually.True(
            () =>
            {
                harness.Ports[from].TryInject(frame);
                received = harness.Ports[to].Collect().FirstOrDefault();
                return received is not null;
            },
            $"what is sent to port {from} comes out of port {to}");
        return received!;
    }
}
