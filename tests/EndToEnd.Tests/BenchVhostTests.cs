using System.Text.Json;
using Softswitch.Bench.Vhost;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;
using static Softswitch.EndToEnd.Tests.Harness.BenchProgram;

namespace Softswitch.EndToEnd.Tests;

/// <summary><c>bench vhost</c> with testpmd as the guest. How fast is not asserted.</summary>
[Trait("Ring", "all")]
public sealed class BenchVhostTests
{
    [Fact]
    public void Packets_of_a_guest_cross_the_switch_both_ways_by_a_thousand_entries()
    {
        NeedsTestPmd();
        JsonElement row = Assert.Single(Run("--rows", "exact-1000").GetProperty("rows").EnumerateArray());
        Assert.Equal(1000, row.GetProperty("entries").GetInt32());
        Assert.True(Number(row, "mpps") > 0);
        Assert.True(Number(row, "cyclesPerPacket") > 0);
        Assert.InRange(Number(row, "busyShare"), 0.0001, 1.1);
        Assert.InRange(Number(row, "refusedShare"), 0, 1);
    }

    [Fact]
    public void With_open_vswitch_both_are_measured_and_compared()
    {
        NeedsTestPmd();
        NeedsOpenVSwitch();
        JsonElement result = Run("--rows", "inport-1518", "--compare");
        Assert.Equal(["softswitch", "openVSwitch"], result.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("switch").GetString()));
        Assert.True(Number(Assert.Single(result.GetProperty("ratios").EnumerateArray()), "mpps") > 0);
    }

    [Fact]
    public void A_tcp_stream_between_two_guests_crosses_the_switch()
    {
        Needs.Namespaces();
        string[] missing = [.. GuestTestbed.FindMissing()];
        Assert.SkipUnless(missing.Length == 0, $"{string.Join("; ", missing)}: {GuestTestbed.InstallLine}");
        JsonElement row = Assert.Single(Run("--tcp").GetProperty("tcp").EnumerateArray());
        Assert.True(Number(row, "gigabitsPerSecond") > 0);
        Assert.True(Number(row, "bytesPerPacket") > 1514, "segments did not arrive whole");
    }

    internal static void NeedsTestPmd()
    {
        Needs.Namespaces("dpdk-testpmd", "stdbuf");
        string[] missing = [.. TestPmd.FindMissing()];
        Assert.SkipUnless(missing.Length == 0, $"{string.Join("; ", missing)}: {TestPmd.InstallLine}");
    }

    private static JsonElement Run(params string[] arguments) =>
        BenchProgram.Run(["vhost", "--no-huge", "--seconds", "0.2", "--rounds", "1", .. arguments]);
}
