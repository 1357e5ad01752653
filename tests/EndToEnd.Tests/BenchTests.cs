using System.Text.Json;
using static Softswitch.EndToEnd.Tests.Harness.BenchProgram;

namespace Softswitch.EndToEnd.Tests;

/// <summary>Each benchmark runs, accounts for every packet, and prints what it promises. How fast is not asserted.</summary>
public sealed class BenchTests
{
    [Theory]
    [InlineData("exact", "output")]
    [InlineData("inport", "rewrite")]
    [InlineData("l3", "rewrite")]
    [InlineData("exact", "translate")]
    [InlineData("vxlan", "gre")]
    [InlineData("gre", "ipip")]
    [InlineData("ipip", "vxlan")]
    public void Pipeline_accounts_for_every_packet(string match, string actions)
    {
        JsonElement result = Run("pipeline", "--seconds", "0.2", "--flows", "100", "--match", match, "--actions", actions);
        foreach (string key in (string[])["mpps", "nsPerPacket", "allocatedBytes", "collections", "flows", "frame", "workers", "seconds"])
        {
            Assert.Equal(JsonValueKind.Number, result.GetProperty(key).ValueKind);
        }
        Assert.Equal(match, result.GetProperty("match").GetString());
        Assert.Equal(actions, result.GetProperty("actions").GetString());
        Assert.True(Whole(result, "received") > 0);
        Assert.Equal(Whole(result, "received"), Whole(result, "transmitted"));
        // Nothing for packets; the runtime may still replace a method on a starved machine, and allocates then.
        Assert.InRange(Whole(result, "allocatedBytes"), 0, 1024);
    }

    [Theory]
    [InlineData("acl")]
    [InlineData("fw")]
    [InlineData("ipc")]
    public void Pipeline_matches_generated_rules_with_flows_never_seen_before(string style)
    {
        JsonElement result = Run("pipeline", "--seconds", "0.2", "--flows", "100", "--match", style, "--traffic", "1000", "--fresh");
        Assert.Equal(100, Whole(result, "entries"));
        Assert.True(Whole(result, "masks") > 10);
        Assert.Equal(0, Whole(result, "dropped"));
        Assert.True(Whole(result, "received") > 0);
    }

    [Fact]
    public void Pipeline_spreads_flows_over_workers()
    {
        JsonElement result = Run("pipeline", "--seconds", "0.2", "--workers", "2", "--skew", "1");
        Assert.Equal(2, Whole(result, "workers"));
        Assert.Equal(Whole(result, "received"), Whole(result, "transmitted"));
    }

    [Theory]
    [InlineData("exact")]
    [InlineData("wildcard")]
    [InlineData("modify")]
    [InlineData("replace")]
    public void Churn_loses_and_misdirects_nothing(string kind)
    {
        JsonElement result = Run("churn", "--seconds", "0.2", "--flows", "100", "--kind", kind, "--rate", "max");
        foreach (string key in (string[])["mppsIdle", "mpps", "kept", "flowModsPerSecond", "barrierP50Us", "barrierP99Us"])
        {
            Assert.Equal(JsonValueKind.Number, result.GetProperty(key).ValueKind);
        }
        Assert.Equal(0, Whole(result, "lost"));
        Assert.Equal(0, Whole(result, "misdirected"));
        Assert.True(Whole(result, "checked") > 0);
        Assert.True(Whole(result, "barriers") > 0);
    }

    [Fact]
    public void Flow_mods_are_counted_over_a_socket_and_in_process()
    {
        JsonElement result = Run("flowmod", "--flows", "2000");
        foreach (string key in (string[])["flowModsPerSecond", "flowModsPerSecondInProcess", "flowModsPerSecondUnderTraffic", "residentMiB"])
        {
            Assert.True(result.GetProperty(key).GetDouble() > 0, key);
        }
        Assert.Equal(JsonValueKind.Number, result.GetProperty("bytesPerFlow").ValueKind);
    }

    [Fact]
    public void Stalls_are_measured_between_passes()
    {
        JsonElement result = Run("stall", "--seconds", "0.2", "--flows", "100");
        Assert.True(Whole(result, "passes") > 0);
        Assert.True(result.GetProperty("longestUs").GetDouble() >= result.GetProperty("passP50Us").GetDouble());
        long inHistogram = result.GetProperty("histogram").EnumerateArray().Sum(bucket => bucket[1].GetInt64());
        Assert.Equal(Whole(result, "passes"), inHistogram);
        Assert.Equal(0, Whole(result, "misdirected"));
    }

    [Fact]
    public void Every_packet_in_arrives_or_is_counted_as_dropped()
    {
        JsonElement result = Run("packetin", "--seconds", "0.5", "--rate", "1000");
        Assert.Equal(0, Whole(result, "unaccounted"));
        // That some arrived; while they were sent, those may all have been under way still.
        foreach (string key in (string[])["latencyP50Us", "latencyP99Us", "floodLatencyP50Us"])
        {
            Assert.True(result.GetProperty(key).GetDouble() > 0, key);
        }
        Assert.All(["packetInsPerSecond", "floodPacketInsPerSecond"], key => Assert.Equal(JsonValueKind.Number, result.GetProperty(key).ValueKind));
    }

    [Fact]
    public void What_cannot_be_measured_is_said_in_a_line()
    {
        CommandResult result = Execute("pipeline", "--fresh");
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.EndsWith(
            "softswitch bench pipeline: --fresh: a packet never seen before cannot match an exact entry: use another --match\n", result.Error, StringComparison.Ordinal);
    }

    private static long Whole(JsonElement result, string key) => result.GetProperty(key).GetInt64();
}
