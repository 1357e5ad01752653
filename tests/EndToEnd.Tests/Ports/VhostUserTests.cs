using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Reports;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Ports;

/// <summary>vhost-user ports of the program, with DPDK's testpmd as the guest behind two of them.</summary>
[Trait("Ring", "all")]
public sealed class VhostUserTests : IDisposable
{
    private const long Enough = 20_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-vhost-");
    private readonly string[] _sockets;
    private readonly string _control;

    public VhostUserTests()
    {
        BenchVhostTests.NeedsTestPmd();
        _sockets = [Path.Combine(_folder.FullName, "a"), Path.Combine(_folder.FullName, "b")];
        _control = $"unix:{Path.Combine(_folder.FullName, "control")}";
    }

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_packet_of_a_guest_arrives_or_is_counted(bool isServer)
    {
        // Who listens is first.
        using RunningCommand? early = isServer ? StartSwitch(isServer) : null;
        using TestPmdGuest guest = StartGuest(isServer);
        using RunningCommand? late = isServer ? null : StartSwitch(isServer);
        guest.AwaitStart();
        guest.Begin();
        AwaitTraffic(from: 0);
        guest.Finish();
        Eventually.True(
            () =>
            {
                (long received, long sent) = guest.Read();
                Counts counts = Read();
                return sent == counts.Received && counts.Received == counts.Sent + counts.Dropped && counts.Sent == received;
            },
            () => $"all are accounted for; the guest: {guest.Read()}, the switch: {Read()}");
        guest.Quit();
        Eventually.True(() => States() is ["down", "down"], "the links are down");
    }

    [Fact]
    public void A_switch_that_is_killed_under_traffic_goes_on_when_it_is_started_again()
    {
        using TestPmdGuest guest = StartGuest(isServer: false);
        using (RunningCommand killed = StartSwitch(isServer: false))
        {
            guest.AwaitStart();
            guest.Begin();
            AwaitTraffic(from: 0);
            SwitchProgram.Terminate(killed, "KILL");
            killed.WaitForEnd(SwitchProgram.Patience);
        }
        using RunningCommand again = StartSwitch(isServer: false);
        long before = guest.Read().Received;
        AwaitTraffic(from: 0);
        Eventually.True(() => guest.Read().Received > before + Enough, "the guest receives");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_next_switch_takes_the_ports_over(bool isServer)
    {
        using RunningCommand? early = isServer ? StartSwitch(isServer) : null;
        using TestPmdGuest guest = StartGuest(isServer);
        using RunningCommand old = early ?? StartSwitch(isServer);
        guest.AwaitStart();
        guest.Begin();
        AwaitTraffic(from: 0);
        using RunningCommand next = StartSwitch(isServer, "--take-over", _control);
        Assert.Equal(0, old.WaitForEnd(SwitchProgram.Patience).ExitCode);
        if (isServer)
        {
            // testpmd connects once; another finds the socket that the old switch made.
            guest.Quit();
            using TestPmdGuest another = StartGuest(isServer);
            another.AwaitStart();
            another.Begin();
            AwaitTraffic(Read().Sent);
        }
        else
        {
            AwaitTraffic(Read().Sent);
        }
    }

    [Fact]
    public void A_guest_that_is_killed_under_traffic_is_served_when_it_comes_again()
    {
        using RunningCommand running = StartSwitch(isServer: true);
        for (int i = 0; i < 2; i++)
        {
            Eventually.True(() => States() is ["down", "down"], "the links are down");
            using TestPmdGuest guest = StartGuest(isServer: true);
            guest.AwaitStart();
            Eventually.True(() => States() is ["up", "up"], "the links are up");
            guest.Begin();
            AwaitTraffic(Read().Received);
        }
    }

    /// <summary>Of both ports.</summary>
    private sealed record Counts(long Received, long Sent, long Dropped);

    private RunningCommand StartSwitch(bool isServer, params string[] options)
    {
        string role = isServer ? ",server" : string.Empty;
        string flows = Path.Combine(_folder.FullName, "flows");
        File.WriteAllText(flows, "in_port=1,actions=output:2\nin_port=2,actions=output:1\n");
        RunningCommand running = RunningCommand.Start(
            SwitchProgram.Dotnet,
            [
                SwitchProgram.Library, "run", "--port", $"1=vhost-user:{_sockets[0]}{role}", "--port", $"2=vhost-user:{_sockets[1]}{role}",
                "--flows", flows, "--fail-mode", "secure", "--control", $"p{_control}", .. options,
            ]);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        return running;
    }

    private TestPmdGuest StartGuest(bool isServer) => new(_folder.FullName, _sockets, listens: !isServer);

    private void AwaitTraffic(long from) =>
        Eventually.True(() => Read().Sent > from + Enough, () => $"packets cross the switch: {Read()}");

    private Counts Read()
    {
        IReadOnlyList<PortReport> ports = ReadPorts();
        return new Counts(
            ports.Sum(port => (long)port.Traffic.ReceivedPackets), ports.Sum(port => (long)port.Traffic.SentPackets), ports.Sum(port => port.Drops.Values.Sum()));
    }

    private string[] States() => [.. ReadPorts().Select(port => port.State)];

    private IReadOnlyList<PortReport> ReadPorts() => ManagementClient.ReadReport(_control, SwitchProgram.Patience).Ports;
}
