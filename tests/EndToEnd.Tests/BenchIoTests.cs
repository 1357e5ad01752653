using System.Text.Json;
using Softswitch.Bench.Io;
using Softswitch.Bench.Sides;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Testing;
using static Softswitch.EndToEnd.Tests.Harness.BenchProgram;

namespace Softswitch.EndToEnd.Tests;

/// <summary><c>bench io</c> on real interfaces. How fast is not asserted.</summary>
[Trait("Ring", "all")]
public sealed class BenchIoTests
{
    [Theory]
    [InlineData("kernel")]
    [InlineData("packet")]
    [InlineData("xdp")]
    public void Packets_cross_the_switch_and_the_rate_without_loss_is_searched(string backend)
    {
        Needs.Xdp();
        JsonElement row = Assert.Single(Run("io", "--backend", backend, "--seconds", "0.05", "--rounds", "1").GetProperty("rows").EnumerateArray());
        Assert.Equal(backend, row.GetProperty("backend").GetString());
        Assert.True(Number(row, "offeredMpps") > 0);
        Assert.InRange(Number(row, "deliveredMpps"), 0.0001, Number(row, "offeredMpps"));
        Assert.InRange(Number(row, "lostShare"), 0, 1);
        Assert.True(backend == "kernel" || Number(row, "cyclesPerPacket") > 0);
        Assert.Equal((0, 0), (Number(row, "duplicates"), Number(row, "reordered")));
        Assert.True(Number(row, "losslessMpps") == 0 || Number(row, "latencyP50Us") > 0, row.ToString());
    }

    [Fact]
    public void With_open_vswitch_both_are_measured_and_compared()
    {
        Needs.Xdp("ovs-vswitchd", "ovsdb-server");
        JsonElement result = Run("io", "--backend", "packet", "--seconds", "0.05", "--rounds", "1", "--compare", "--tolerance", "0.5");
        Assert.Equal(["softswitch", "openVSwitch"], result.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("switch").GetString()));
        Assert.True(Number(Assert.Single(result.GetProperty("ratios").EnumerateArray()), "delivered") > 0);
    }

    [Fact]
    public void Flows_in_the_kernel_are_compared_with_its_bridge_in_rate_and_round_trip()
    {
        Needs.Xdp("iperf3", "ping");
        JsonElement result = Run("io", "--backend", "kernel", "--tcp", "--seconds", "1", "--rounds", "1", "--compare");
        Assert.Equal(["softswitch", "linuxBridge"], result.GetProperty("tcp").EnumerateArray().Select(row => row.GetProperty("switch").GetString()));
        JsonElement ratios = Assert.Single(result.GetProperty("ratios").EnumerateArray());
        Assert.All((string[])["gigabitsPerSecond", "pingUs", "pingUnderLoadUs"], figure => Assert.True(Number(ratios, figure) > 0, ratios.ToString()));
        Assert.All(result.GetProperty("tcp").EnumerateArray(), row => Assert.True(Number(row, "bytesPerPacket") > 1514, "segments did not arrive whole"));
    }

    [Fact]
    public void A_tcp_stream_crosses_the_switch()
    {
        Needs.Xdp("iperf3");
        // For longer than a switch listens to a peer that says nothing.
        JsonElement row = Assert.Single(Run("io", "--tcp", "--backend", "packet", "--seconds", "16", "--rounds", "1").GetProperty("tcp").EnumerateArray());
        Assert.True(Number(row, "gigabitsPerSecond") > 0);
        Assert.True(Number(row, "bytesPerPacket") > 1514, "segments did not arrive whole");
    }

    [Fact]
    public void A_switch_that_duplicates_or_loses_is_found_out()
    {
        Needs.Xdp();
        int[] processors = ProcessorAffinity.Read();
        using var testbed = new IoTestbed(60, flows: 4, TimeSpan.FromSeconds(30), processors[0], processors[^1]);
        using var device = new OwnIoSwitch(
            IoBackend.Packet, IoTestbed.InputName, IoTestbed.OutputName, testbed.Switch, processors[^1], TestContext.Current.CancellationToken);
        device.Install(IoSwitch.BothWays);
        // Flow 1 twice, flow 2 never: of every four packets three are delivered, one of them twice.
        AddFlow(device, sourcePort: 1, FlowAction.Output(IoSwitch.Output), FlowAction.Output(IoSwitch.Output));
        AddFlow(device, sourcePort: 2);
        IoTrial trial = testbed.Run(device, rate: 4000, TimeSpan.FromSeconds(0.5), CancellationToken.None);
        Assert.True(trial.Offered >= 4, $"{trial.Offered} offered");
        Assert.Equal(OfFlow(trial.Offered, 2), trial.Lost);
        Assert.Equal(OfFlow(trial.Offered, 1), trial.Arrived.Duplicates);
        Assert.Equal(0, trial.Arrived.Reordered);
    }

    private static void AddFlow(IoSwitch device, ushort sourcePort, params FlowAction[] actions)
    {
        FlowMatch match = FlowMatch.Any with { DlType = EtherType.Ipv4, NwProto = 17, TpSrc = sourcePort };
        match.Wildcards &= ~(FlowWildcards.DlType | FlowWildcards.NwProto | FlowWildcards.TpSrc);
        device.Client.Send(new FlowMod { Match = match, Priority = 0xffff, Actions = actions });
        Assert.Equal(0, device.Client.Barrier());
    }

    // Packets of a flow among so many that go to four in turn.
    private static long OfFlow(long packets, int flow) => (packets + 3 - flow) / 4;
}
