using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>Hosts h1, h2, ... with addresses 10.0.0.1, 10.0.0.2, ... each on a veth cable to a namespace where the switch runs.</summary>
/// <remarks>In the switch's namespace the cables end in s1, s2, ...; in a host's in eth0, with the Ethernet address 02:00:00:00:00:0N.</remarks>
internal sealed class CabledHosts : IDisposable
{
    public const string Target = "tcp:127.0.0.1:6654";
    public const string Listen = "ptcp:6654:127.0.0.1";

    // Between two pings; then for the answers. Where one has come there is a way, and the others may only be late.
    private static readonly TimeSpan PingInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan FirstAnswerPatience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LastAnswerPatience = TimeSpan.FromSeconds(10);

    private readonly List<LabHost> _hosts = [];

    /// <param name="hosts">How many.</param>
    /// <param name="queues">Of each end of a cable, to receive and to send by.</param>
    public CabledHosts(int hosts = 2, int? queues = null)
    {
        Inside = new LabNode("s");
        try
        {
            for (int number = 1; number <= hosts; number++)
            {
                _hosts.Add(LabHost.Numbered(number));
                Host(number).Connect(Inside.Network, $"s{number}", queues);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The namespace of the switch and its controllers.</summary>
    public LabNode Inside { get; }

    /// <summary>From 1.</summary>
    public LabHost Host(int number) => _hosts[number - 1];

    /// <summary>Starts a switch in this process with a port for each host.</summary>
    /// <param name="arguments">What else to give it, as to <c>run</c>, such as <c>--listen</c>.</param>
    public HostedSwitch StartSwitch(params string[] arguments) => StartRun([.. PortOfEach(), .. arguments]);

    /// <summary>Starts a switch in this process with these arguments of <c>run</c> only.</summary>
    public HostedSwitch StartRun(params string[] arguments) => HostedSwitch.Start(Inside, arguments);

    /// <summary>As <see cref="StartSwitch"/>, in a process of its own: for what a process has, its signals, its threads and its end.</summary>
    public RunningCommand StartSwitchProcess(params string[] arguments) => StartProcess([.. PortOfEach(), .. arguments]);

    /// <summary>As <see cref="StartRun"/>, in a process of its own.</summary>
    public RunningCommand StartProcess(params string[] arguments)
    {
        RunningCommand command = Start("run", arguments);
        command.WaitForText("\nready\n", SwitchProgram.Patience);
        return command;
    }

    /// <summary>Why a switch with these arguments of <c>run</c> does not start.</summary>
    public string Refusal(params string[] arguments) => HostedSwitch.Refusal(Inside, arguments);

    /// <summary>Starts a command of the switch inside and returns at once.</summary>
    public RunningCommand Start(string command, params string[] arguments) =>
        Inside.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, command, .. arguments]);

    /// <summary>Runs <c>run</c> with these arguments to its end.</summary>
    public CommandResult RunToEnd(params string[] arguments) => Start("run", arguments).WaitForEnd(SwitchProgram.Patience);

    /// <summary>ovs-ofctl in OpenFlow 1.0 against the switch; fails the test if it does.</summary>
    public string Ofctl(string command, params string[] arguments) => Ofctl(Inside, command, arguments);

    /// <summary>As <see cref="Ofctl(string, string[])"/>, against the switch of another namespace.</summary>
    public static string Ofctl(LabNode inside, string command, params string[] arguments) =>
        inside.Execute(SwitchProgram.Patience, "ovs-ofctl", ["-O", "OpenFlow10", command, Target, .. arguments]).Checked().Output;

    /// <summary>Starts <c>ovs-ofctl monitor</c>, which prints what the switch tells it.</summary>
    /// <param name="missSendLength">Bytes of each packet to be sent.</param>
    public RunningCommand StartMonitor(int missSendLength) =>
        Inside.Start("ovs-ofctl", "-O", "OpenFlow10", "--unixctl=none", "monitor", Target, $"{missSendLength}");

    /// <summary>As <see cref="StartMonitor"/>, for port-status; returns when the switch is known to tell it what happens.</summary>
    public RunningCommand StartPortMonitor()
    {
        RunningCommand monitor = StartMonitor(64);
        Eventually.True(
            () =>
            {
                Ofctl("add-flow", "send_flow_rem,dl_type=0x1234,actions=drop");
                Ofctl("del-flows", "dl_type=0x1234");
                return monitor.Error.Contains("OFPT_FLOW_REMOVED", StringComparison.Ordinal); // that is where it prints
            },
            () => monitor.Output + monitor.Error);
        return monitor;
    }

    /// <summary>Sends one frame from a host, built by Scapy from an expression such as <c>Ether()/Dot1Q(vlan=7)/IP()</c>.</summary>
    public void SendFrame(int from, string expression) => Host(from).Execute(
        "/usr/bin/python3", "-c", $"from scapy.all import *; sendp({expression}, iface='eth0', verbose=0)").Checked();

    /// <summary>Gives every host a second interface, tagged with this VLAN id, with the address 10.VLAN.0.N.</summary>
    public void AddVlan(int id)
    {
        CommandResult probe = Host(1).Execute("ip", "link", "add", "link", "eth0", "name", "probe", "type", "vlan", "id", $"{id}");
        Assert.SkipWhen(probe.Error.Contains("Unknown device type", StringComparison.Ordinal), "this kernel has no VLAN interfaces (8021q)");
        Host(1).Execute("ip", "link", "del", "probe").Checked();
        for (int number = 1; number <= _hosts.Count; number++)
        {
            LabNode host = Host(number);
            host.Execute("ip", "link", "add", "link", "eth0", "name", $"eth0.{id}", "type", "vlan", "id", $"{id}").Checked();
            host.Execute("ip", "addr", "add", $"10.{id}.0.{number}/24", "dev", $"eth0.{id}").Checked();
            host.Execute("ip", "link", "set", $"eth0.{id}", "up").Checked();
        }
    }

    /// <summary>Both directions between hosts 1 and 2.</summary>
    public void ConnectHosts1And2()
    {
        Ofctl("add-flow", "in_port=1,actions=output:2");
        Ofctl("add-flow", "in_port=2,actions=output:1");
    }

    /// <summary>Starts UDP packets from one host to another, which need not ask for its Ethernet address.</summary>
    /// <param name="mostUnderWay">
    /// Of frames; fewer than the shortest queue on the way holds. That is a veth's with a program of XDP, 256 for all who send by it: on a busy machine nobody
    /// may look into it for long.
    /// </param>
    public UdpStream StartStream(int from, int to, ushort port, double perSecond, int length = 64, int mostUnderWay = 128)
    {
        Know(from, to);
        return UdpStream.Start(Host(from), Host(to), port, perSecond, length, mostUnderWay: mostUnderWay);
    }

    /// <summary>Stops a stream and checks that every packet came, and once.</summary>
    /// <param name="describe">What else to say of it if not: counters of the ports.</param>
    public static void AssertAllCame(UdpStream stream, Func<string> describe)
    {
        StreamSummary summary = stream.Stop();
        Assert.True(summary is { Sent: > 0, Lost: 0, Duplicates: 0 }, $"{summary}\n{describe()}");
    }

    /// <summary>Sends this many pings, untagged or in a VLAN; returns how many were answered.</summary>
    public int Ping(int from, int to, int count = 3, int vlan = 0) => Ping(Host(from), $"10.{vlan}.0.{to}", count, PingInterval);

    /// <summary>Sends this many pings at a pace; returns how many were answered.</summary>
    /// <remarks>ping(8) waits for the last answer no longer than twice as long as for the others, which a loaded machine exceeds.</remarks>
    public static int Ping(LabNode from, string to, int count, TimeSpan interval)
    {
        using PingSocket ping = from.Run(static () => new PingSocket());
        var address = IPAddress.Parse(to);
        HashSet<ushort> answered = [];
        for (ushort sequence = 0; sequence < count; sequence++)
        {
            long sent = Stopwatch.GetTimestamp();
            ping.TrySend(address, sequence);
            while (answered.Count < count)
            {
                TimeSpan patience = sequence < count - 1 ? interval : answered.Count == 0 ? FirstAnswerPatience : LastAnswerPatience;
                TimeSpan left = patience - Stopwatch.GetElapsedTime(sent);
                if (left <= TimeSpan.Zero || !ping.Socket.Poll(left, SelectMode.SelectRead))
                {
                    break;
                }
                if (ping.TryReceive(out _, out ushort of))
                {
                    answered.Add(of);
                }
            }
        }
        return answered.Count;
    }

    /// <summary>From now on hosts 1 and 2 ask nobody for each other's Ethernet address: nothing is sent that the test has not.</summary>
    public void SilenceHosts1And2()
    {
        Know(1, 2);
        Know(2, 1);
    }

    /// <summary>As <see cref="Ping(int, int, int, int)"/>, by ping(8) with these options, one after the other; returns how many were answered.</summary>
    public static int Ping(LabNode from, string to, int count, params string[] options) =>
        Enumerable.Range(0, count).Count(_ => from.Execute("ping", ["-n", "-c", "1", "-W", "3", .. options, to]).ExitCode == 0);

    /// <summary>The number behind <paramref name="word"/> in what a command said, as in <c>n_packets=5</c> or <c>rx pkts=5</c>.</summary>
    public static long Number(string text, string word)
    {
        Match match = Regex.Match(text, Regex.Escape(word) + @"\s*=?\s*(\d+)");
        Assert.True(match.Success, $"no '{word}' in: {text}");
        return long.Parse(match.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>The line that contains all of <paramref name="words"/>.</summary>
    public static string Line(string text, params string[] words)
    {
        string? line = text.Split('\n').FirstOrDefault(l => words.All(word => l.Contains(word, StringComparison.Ordinal)));
        return line ?? throw new Xunit.Sdk.XunitException($"no line with '{string.Join("' and '", words)}' in: {text}");
    }

    public void Dispose()
    {
        Inside.Dispose();
        _hosts.ForEach(host => host.Dispose());
    }

    private IEnumerable<string> PortOfEach() => Enumerable.Range(1, _hosts.Count).SelectMany(number => new[] { "--port", $"{number}=s{number}" });

    private void Know(int host, int neighbour) =>
        Host(host).Execute("ip", "neigh", "replace", $"10.0.0.{neighbour}", "lladdr", $"02:00:00:00:00:0{neighbour}", "dev", "eth0").Checked();
}
