using System.Text.Json.Nodes;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Scenarios;

/// <summary>XenFlow at small scale.</summary>
public sealed class XenflowTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(4);

    [Fact, Trait("Ring", "all")]
    public void It_passes_at_small_scale_and_counts_every_packet_of_every_move()
    {
        Needs.Xdp(); // packets are made and counted by BPF programs
        using RunningCommand running = RunningCommand.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, "scenario", "xenflow", "--small", "--json"]);
        CommandResult result = running.WaitForEnd(Bound);
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        JsonNode scenario = Assert.Single(JsonNode.Parse(result.Output)!["scenarios"]!.AsArray())!;
        Assert.Null(scenario["measures"]!["lost_mean_packets"]); // a mean over rates and sizes
        JsonNode data = scenario["data"]!;
        foreach (string size in (string[])["64 bytes", "1500 bytes"])
        {
            JsonArray moves = data[$"migrations {size}"]!.AsArray();
            Assert.Equal(2, moves.Count);
            foreach (JsonNode? move in moves)
            {
                JsonNode made = move!["makeBeforeBreak"]!;
                Assert.Equal((200, 0, 0), (made["flows"]!.GetValue<int>(), made["lost"]!.GetValue<long>(), made["packetIns"]!.GetValue<long>()));
                Assert.InRange(made["byNewPath"]!.GetValue<long>(), 1, made["offered"]!.GetValue<long>() - 1);
                Assert.Equal(200, move["breakBeforeMake"]!["flows"]!.GetValue<int>());
            }
        }
    }

    [Fact, Trait("Ring", "all")]
    public void Moves_alone_are_made_at_the_rate_and_with_the_size_that_are_set()
    {
        Needs.Xdp();
        using RunningCommand running = RunningCommand.Start(
            SwitchProgram.Dotnet,
            [
                SwitchProgram.Library, "scenario", "xenflow", "--small", "--json",
                "--set", "part=moves,rate=3000,size=512,flows=50,moves=2,make-before-break=on,insertion=proactive,link-rate=100",
            ]);
        CommandResult result = running.WaitForEnd(Bound);
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        JsonNode scenario = Assert.Single(JsonNode.Parse(result.Output)!["scenarios"]!.AsArray())!;
        Assert.Equal((3000, 512), (scenario["parameters"]!["rate_pps"]!.GetValue<int>(), scenario["parameters"]!["size_bytes"]!.GetValue<int>()));
        JsonNode measures = scenario["measures"]!;
        Assert.Equal(0, measures["unmatched_mean_packets"]!.GetValue<double>());
        Assert.InRange(measures["total_mean_ms"]!.GetValue<double>(), double.Epsilon, double.MaxValue);
        Assert.Null(measures["highest_rate_pps"]);
        JsonArray moves = scenario["data"]!["migrations frames of 512 bytes"]!.AsArray();
        Assert.Equal(2, moves.Count);
        Assert.All(moves, move => Assert.Equal((50, 3000, true), (
            move!["makeBeforeBreak"]!["flows"]!.GetValue<int>(), move["rate"]!.GetValue<int>(), move["breakBeforeMake"] == null)));
    }
}
