using System.Text.Json;
using Softswitch.EndToEnd.Tests.Harness;

namespace Softswitch.EndToEnd.Tests;

/// <summary>Each benchmark runs, accounts for every packet, and prints what it promises. How fast is not asserted.</summary>
public sealed class BenchTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(120);

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
        Assert.True(Number(result, "received") > 0);
        Assert.Equal(Number(result, "received"), Number(result, "transmitted"));
        // Nothing for packets; the runtime may still replace a method on a starved machine, and allocates then.
        Assert.InRange(Number(result, "allocatedBytes"), 0, 1024);
    }

    [Theory]
    [InlineData("acl")]
    [InlineData("fw")]
    [InlineData("ipc")]
    public void Pipeline_matches_generated_rules_with_flows_never_seen_before(string style)
    {
        JsonElement result = Run("pipeline", "--seconds", "0.2", "--flows", "100", "--match", style, "--traffic", "1000", "--fresh");
        Assert.Equal(100, Number(result, "entries"));
        Assert.True(Number(result, "masks") > 10);
        Assert.Equal(0, Number(result, "dropped"));
        Assert.True(Number(result, "received") > 0);
    }

    [Fact]
    public void Pipeline_spreads_flows_over_workers()
    {
        JsonElement result = Run("pipeline", "--seconds", "0.2", "--workers", "2", "--skew", "1");
        Assert.Equal(2, Number(result, "workers"));
        Assert.Equal(Number(result, "received"), Number(result, "transmitted"));
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
        Assert.Equal(0, Number(result, "lost"));
        Assert.Equal(0, Number(result, "misdirected"));
        Assert.True(Number(result, "checked") > 0);
        Assert.True(Number(result, "barriers") > 0);
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
        Assert.True(Number(result, "passes") > 0);
        Assert.True(result.GetProperty("longestUs").GetDouble() >= result.GetProperty("passP50Us").GetDouble());
        long inHistogram = result.GetProperty("histogram").EnumerateArray().Sum(bucket => bucket[1].GetInt64());
        Assert.Equal(Number(result, "passes"), inHistogram);
        Assert.Equal(0, Number(result, "misdirected"));
    }

    [Fact]
    public void Every_packet_in_arrives_or_is_counted_as_dropped()
    {
        JsonElement result = Run("packetin", "--seconds", "0.5", "--rate", "1000");
        Assert.Equal(0, Number(result, "unaccounted"));
        // That some arrived; while they were sent, those may all have been under way still.
        foreach (string key in (string[])["latencyP50Us", "latencyP99Us", "floodLatencyP50Us"])
        {
            Assert.True(result.GetProperty(key).GetDouble() > 0, key);
        }
        Assert.All(["packetInsPerSecond", "floodPacketInsPerSecond"], key => Assert.Equal(JsonValueKind.Number, result.GetProperty(key).ValueKind));
    }

    [Fact]
    public void The_help_says_how_long_each_benchmark_takes()
    {
        foreach (string name in (string[])["pipeline", "churn", "flowmod", "stall", "packetin", "io", "vhost", "latency", "topology", "compare", "netfpga", "report"])
        {
            Assert.Matches("Takes about [0-9]+ (s|min) by default", Execute(name, "--help").Checked().Output);
        }
    }

    [Theory]
    [InlineData("softswitch bench pipeline: --fresh: a packet never seen before cannot match an exact entry: use another --match\n", "pipeline", "--fresh")]
    [InlineData("softswitch bench pipeline: --frame: 59 is not from 60 to 1514\n", "pipeline", "--frame", "59")]
    [InlineData("softswitch bench churn: --rate: 'fast' is neither a number nor max\n", "churn", "--rate", "fast")]
    public void What_cannot_be_measured_is_said_in_a_line(string expected, params string[] arguments)
    {
        CommandResult result = Execute(arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.EndsWith(expected, result.Error, StringComparison.Ordinal);
        Assert.Empty(result.Output);
    }

    private static long Number(JsonElement result, string key) => result.GetProperty(key).GetInt64();

    /// <summary>Runs a benchmark that must succeed and print one object on one line.</summary>
    private static JsonElement Run(params string[] arguments)
    {
        CommandResult result = Execute([.. arguments, "--json"]).Checked();
        Assert.Matches($"^{arguments[0]}: .*; about [0-9]+ (s|min)\n", result.Error);
        string line = Assert.Single(result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        using JsonDocument document = JsonDocument.Parse(line);
        Assert.Equal(arguments[0], document.RootElement.GetProperty("benchmark").GetString());
        return document.RootElement.Clone();
    }

    private static CommandResult Execute(params string[] arguments)
    {
        using RunningCommand command = RunningCommand.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, "bench", .. arguments]);
        return command.WaitForEnd(Bound);
    }
}
