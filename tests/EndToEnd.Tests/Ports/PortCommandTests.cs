using System.Net.Sockets;
using System.Text;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;
using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Ports;

/// <summary><c>softswitch port add|del|list</c> against a running switch.</summary>
public sealed class PortCommandTests : WithControlSocket
{
    [Fact]
    public void A_port_is_added_listed_and_removed_and_its_interface_left_as_it_was_found()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts(hosts: 3);
        string before = Interface(lab, "s3");
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--port", "2=s2", "--listen", CabledHosts.Listen, "--control", Control);
        Assert.Contains($"\ncontrol: {Control}\n", running.Output, StringComparison.Ordinal);
        lab.Ofctl("add-flow", "in_port=1,actions=output:3");
        lab.Ofctl("add-flow", "in_port=3,actions=output:1");
        using RunningCommand monitor = lab.StartPortMonitor();

        CommandResult added = SwitchProgram.Execute("port", "add", Target, "s3,rate=100M").Checked();
        Assert.StartsWith("port 3: s3: flows in the kernel, other packets by AF_PACKET", added.Output, StringComparison.Ordinal);
        Assert.Contains("port 3: sends at 100Mbit/s at most", added.Output, StringComparison.Ordinal);
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): ADD: 3(s3)", SwitchProgram.Patience);
        Assert.Equal(3, lab.Ping(1, 3));
        string[] listed = SwitchProgram.Execute("port", "list", Target).Checked().Output.Split('\n');
        Assert.Equal(["port 1: s1", "port 2: s2", "port 3: s3"], listed[..3].Select(line => line[..10]));

        Assert.Equal("port 3: s3: removed\n", SwitchProgram.Execute("port", "del", Target, "s3").Checked().Output);
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): DEL: 3(s3)", SwitchProgram.Patience);
        Assert.Equal(before, Interface(lab, "s3"));
        Assert.Equal(0, lab.Ping(1, 3, count: 2));
        string flow = CabledHosts.Line(lab.Ofctl("dump-flows"), "in_port=1"); // it stays, counts, and leads nowhere
        Assert.Contains("output:3", flow, StringComparison.Ordinal);
        Assert.True(CabledHosts.Number(flow, "n_packets") >= 5, flow);
    }

    [Fact]
    public void A_removed_port_stays_removed_and_an_added_one_is_watched()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts(hosts: 3);
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--port", "2=s2", "--listen", CabledHosts.Listen, "--control", Control);
        lab.Ofctl("add-flow", "actions=normal");
        using RunningCommand monitor = lab.StartPortMonitor();
        Ask(ManagementRequest.DeletePort("2"));
        Ask(ManagementRequest.AddPort("s3"));
        lab.Inside.Execute("ip", "link", "del", "s2").Checked();
        lab.Inside.Execute("ip", "link", "del", "s3").Checked();
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): DEL: 3(s3)", SwitchProgram.Patience);
        lab.Host(2).Reconnect();
        lab.Host(3).Reconnect();
        Eventually.True(() => lab.Ping(1, 3) == 3, () => running.Output + running.Error);
        Assert.DoesNotContain("(s2)", lab.Ofctl("show"), StringComparison.Ordinal);
        // A port whose interface is away can be removed, too.
        lab.Inside.Execute("ip", "link", "del", "s3").Checked();
        running.WaitForText("port 3: s3: the interface is gone");
        Eventually.True(() => Ask(ManagementRequest.ListPorts).Contains("port 3: s3: the interface is away"), () => string.Join('\n', Ask(ManagementRequest.ListPorts)));
        Ask(ManagementRequest.DeletePort("s3"));
        lab.Host(3).Reconnect();
        Assert.Equal(["port 1: s1"], Ask(ManagementRequest.ListPorts).Select(line => line[..10]));
        Assert.Contains("port 4: s3", Assert.Single(Ask(ManagementRequest.AddPort("s3"))), StringComparison.Ordinal); // 2 and 3 would be taken for those that were there
        Assert.Contains("port 2: s2", Assert.Single(Ask(ManagementRequest.AddPort("2=s2"))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("s3")]
    [InlineData("xdp:s3")]
    [InlineData("tap:t3")]
    [InlineData("xdp:s3,rate=1M")] // packets wait in its scheduler whenever it goes
    [Trait("Ring", "all")]
    public void Fifty_times_added_and_removed_under_traffic_the_others_lose_nothing(string spec)
    {
        if (spec.StartsWith("xdp", StringComparison.Ordinal))
        {
            Needs.Xdp("ovs-ofctl", "ping");
        }
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts(hosts: 3);
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--port", "2=s2", "--listen", CabledHosts.Listen, "--control", Control, "--workers", "2");
        lab.Ofctl("add-flow", "in_port=1,actions=output:3,output:2");
        lab.Ofctl("add-flow", "in_port=2,actions=output:3,output:1");
        using UdpStream there = lab.StartStream(from: 1, to: 2, port: 5000, perSecond: 3000);
        using UdpStream back = lab.StartStream(from: 2, to: 1, port: 5001, perSecond: 1000);
        for (int i = 0; i < 50; i++)
        {
            Ask(ManagementRequest.AddPort($"3={spec}"));
            int target = there.Record.Received + 20;
            Eventually.True(() => there.Record.Received >= target, () => $"{there.Record.Received} of {there.Record.Sent} came");
            Ask(ManagementRequest.DeletePort("3"));
        }
        CabledHosts.AssertAllCame(there, () => Counters(lab));
        CabledHosts.AssertAllCame(back, () => Counters(lab));
        Assert.Equal(["port 1: s1", "port 2: s2"], Ask(ManagementRequest.ListPorts).Select(line => line[..10]));
        Assert.Equal(0, CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-ports", "2"), "tx pkts"), "drop"));
        running.Dispose();
    }

    [Fact]
    public void A_port_that_keeps_frames_is_refused_when_too_few_would_be_left_and_told_how_many_more_there_must_be()
    {
        Needs.Xdp();
        using var lab = new CabledHosts(hosts: 3);
        using (HostedSwitch running = lab.StartRun("--port", "null:", "--control", Control))
        {
            Ask(ManagementRequest.AddPort("xdp:s1"));
            Assert.Equal(
                "port 'xdp:s2': it takes 6144 frames and 2048 are to spare; start the switch with --frames 24576 or more",
                Assert.Throws<OptionException>(() => Ask(ManagementRequest.AddPort("xdp:s2"))).Message);
            Ask(ManagementRequest.AddPort("xdp:s2,rx-slots=1024,tx-slots=512"));
            Ask(ManagementRequest.DeletePort("s1"));
            Ask(ManagementRequest.AddPort("xdp:s1"));
            running.Dispose();
        }
        using (lab.StartRun("--port", "null:", "--control", Control, "--frames", "24576"))
        {
            Ask(ManagementRequest.AddPort("xdp:s1"));
            Ask(ManagementRequest.AddPort("xdp:s2"));
        }
    }

    [Theory]
    [InlineData("", "del")]
    [InlineData("unix:/nonexistent/socket: no such file", "list", "unix:/nonexistent/socket")]
    [InlineData("target: 'tcp:127.0.0.1' is neither", "list", "tcp:127.0.0.1")]
    [InlineData("--timeout: '0' is not a number of seconds above 0", "list", "--timeout", "0")]
    public void What_cannot_be_done_is_one_line_that_names_it_and_exit_code_2(string expected, params string[] arguments)
    {
        CommandResult result = SwitchProgram.Execute(["port", .. arguments]);
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        string line = Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith($"softswitch port {arguments[0]}: {expected}", line, StringComparison.Ordinal);
    }

    [Fact]
    public void The_port_that_in_band_control_needs_stays()
    {
        Needs.Namespaces();
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartRun(
            "--port", "1=s1", "--port", "local=tap:of0", "--in-band", "--controller", "tcp:192.0.2.1", "--control", Control);
        Assert.Equal("port 'local': --in-band reaches the controllers through it", Assert.Throws<OptionException>(() => Ask(ManagementRequest.DeletePort("local"))).Message);
    }

    [Fact]
    public void Local_comes_and_goes_like_any_other()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--listen", CabledHosts.Listen, "--control", Control);
        using RunningCommand monitor = lab.StartPortMonitor();
        Assert.StartsWith("port LOCAL: of0: TAP: made", Assert.Single(Ask(ManagementRequest.AddPort("local=tap:of0"))), StringComparison.Ordinal);
        monitor.WaitForText("ADD: LOCAL(of0)", SwitchProgram.Patience);
        Assert.Equal(["port LOCAL: of0: removed"], Ask(ManagementRequest.DeletePort("local")));
        monitor.WaitForText("DEL: LOCAL(of0)", SwitchProgram.Patience);
        Assert.NotEqual(0, lab.Inside.Execute("ip", "link", "show", "of0").ExitCode);
    }

    [Fact]
    public void Clients_that_hang_flood_or_talk_rubbish_hold_nobody_up()
    {
        using RunningCommand running = StartNull();
        List<Socket> clients = [];
        try
        {
            for (int i = 0; i < 40; i++)
            {
                clients.Add(Connect()); // says nothing
            }
            Assert.Single(Ask(ManagementRequest.ListPorts));
            Socket flooding = Connect();
            clients.Add(flooding);
            flooding.Blocking = false;
            byte[] requests = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("GET /api/report HTTP/1.1\r\nHost: s\r\n\r\n", 1000)));
            while (flooding.Poll(TimeSpan.FromMilliseconds(200), SelectMode.SelectWrite))
            {
                flooding.Send(requests, SocketFlags.None, out _); // and never reads
            }
            byte[] rubbish = new byte[1 << 16];
            new Random(11).NextBytes(rubbish);
            for (int i = 0; i < 30; i++)
            {
                Socket talking = Connect();
                clients.Add(talking);
                talking.Send(rubbish, 0, 1 + (i * 2000), SocketFlags.None, out _);
            }
            Assert.Single(Ask(ManagementRequest.ListPorts));
            Assert.Equal("/api/reboot: there is no such page", Assert.Throws<OptionException>(() => Ask(new ManagementRequest("GET", "/api/reboot"))).Message);
            Assert.Equal(["port 2: null: null: counts and drops"], Ask(ManagementRequest.AddPort("null:")));
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    [Fact]
    public void A_port_that_takes_for_ever_to_open_holds_nobody_up()
    {
        string pipe = PathOf("pipe");
        RunningCommand.Execute("mkfifo", pipe).Checked();
        using RunningCommand running = StartNull();
        using Socket waiting = Connect();
        waiting.Send(Encoding.UTF8.GetBytes(Post($"7=replay:{pipe}"))); // nobody writes into the pipe
        Eventually.True(() => Ask(ManagementRequest.ListPorts).Contains($"port 7: {pipe}: being opened"), () => string.Join('\n', Ask(ManagementRequest.ListPorts)));
        Assert.Equal(["port 2: null: null: counts and drops"], Ask(ManagementRequest.AddPort("null:")));
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    [Fact]
    public void One_connection_may_ask_several_things_in_turn()
    {
        using RunningCommand running = StartNull();
        using Socket client = Connect();
        string requests = $"{Post("5=null:")}DELETE /api/ports?port=1 HTTP/1.1\r\nHost: s\r\n\r\nGET /api/ports HTTP/1.1\r\nHost: s\r\n\r\nDELETE /api/ports?port=9 HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n";
        client.Send(Encoding.UTF8.GetBytes(requests[..150]));
        client.Send(Encoding.UTF8.GetBytes(requests[150..]));
        using StreamReader reader = new(new NetworkStream(client), Encoding.UTF8);
        string[] said = [.. reader.ReadToEnd().Split('\n').Where(line => line.StartsWith("HTTP/", StringComparison.Ordinal) || line.StartsWith("port ", StringComparison.Ordinal)).Select(line => line.TrimEnd())];
        Assert.Equal(
            [
                "HTTP/1.1 200 OK", "port 5: null5: null: counts and drops", "HTTP/1.1 200 OK", "port 1: null1: removed", "HTTP/1.1 200 OK",
                "port 5: null5: null: counts and drops", "HTTP/1.1 400 Bad Request", "port '9': there is no such port; there are 5 (null5)",
            ],
            said);
    }

    [Fact]
    public void What_is_longer_than_a_request_may_be_is_refused()
    {
        using RunningCommand running = StartNull();
        using Socket client = Connect();
        client.Send(Encoding.UTF8.GetBytes($"POST /api/ports HTTP/1.1\r\nHost: s\r\nContent-Length: {ManagementRequest.LongestBody + 1}\r\nConnection: close\r\n\r\n"));
        using StreamReader reader = new(new NetworkStream(client), Encoding.UTF8);
        Assert.Contains("a request has at most 131072 bytes", reader.ReadToEnd(), StringComparison.Ordinal);
        Assert.Single(Ask(ManagementRequest.ListPorts));
    }

    private static string Post(string port) => $"POST /api/ports HTTP/1.1\r\nHost: s\r\nContent-Length: {port.Length}\r\n\r\n{port}";

    private RunningCommand StartNull()
    {
        RunningCommand running = RunningCommand.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, "run", "--port", "1=null:", "--control", Control]);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        return running;
    }

    private Socket Connect()
    {
        Socket client = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        {
            ReceiveTimeout = (int)SwitchProgram.Patience.TotalMilliseconds,
            SendTimeout = (int)SwitchProgram.Patience.TotalMilliseconds,
        };
        client.Connect(new UnixDomainSocketEndPoint(SocketPath));
        return client;
    }

    /// <summary>As the command does, without a process for each.</summary>
    private string[] Ask(ManagementRequest request) => ManagementClient.AskLines(Target, request, SwitchProgram.Patience);

    private static string Counters(CabledHosts lab) =>
        lab.Ofctl("dump-ports") + lab.Ofctl("dump-flows") + lab.Inside.Execute("ip", "-s", "link").Output + lab.Host(2).Execute("ip", "-s", "link").Output;

    private static string Interface(CabledHosts lab, string name) =>
        lab.Inside.Execute("sh", "-c", $"ip -d -o link show {name}; ethtool -k {name} 2>/dev/null; true").Checked().Output;
}
