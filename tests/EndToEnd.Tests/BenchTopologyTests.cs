using System.Text.Json;
using Softswitch.Testing;
using static Softswitch.EndToEnd.Tests.Harness.BenchProgram;

namespace Softswitch.EndToEnd.Tests;

/// <summary><c>bench topology</c> with a handful of switches. How fast is not asserted.</summary>
[Trait("Ring", "all")]
public sealed class BenchTopologyTests
{
    private static readonly string[] Measures =
    [
        "connectedSeconds", "pingAllSeconds", "gigabitsPerSecond", "kiloPacketsPerSecond", "connectedMiB", "residentMiB", "idleCpuPercent",
    ];

    [Fact]
    public void A_tree_of_switches_connects_answers_and_forwards_and_so_does_open_vswitch_in_its_place()
    {
        Needs.Xdp("iperf3", "ovs-vswitchd", "ovsdb-server");
        JsonElement result = Run("topology", "--rounds", "1", "--seconds", "1", "--kind", "tree", "--switches", "4", "--compare");
        Assert.Equal((4, 4, 12), (Whole(result, "hosts"), Whole(result, "longestPath"), Whole(result, "pingedPairs")));
        Check(result, "softswitch", "openVSwitch");
        Assert.All(Rows(result).Where(row => row.GetProperty("measure").GetString() != "idleCpuPercent"), row => Assert.True(row.GetProperty("ratio").GetDouble() > 0));
    }

    [Fact]
    public void Switches_of_one_process_are_joined_by_cables_of_its_own()
    {
        Needs.Xdp("iperf3");
        JsonElement result = Run("topology", "--rounds", "1", "--seconds", "1", "--kind", "linear", "--switches", "4", "--links", "patch");
        Assert.Equal("patch", result.GetProperty("links").GetString());
        Check(result, "softswitch");
    }

    private static void Check(JsonElement result, params string[] sides)
    {
        Assert.Equal(Measures, Rows(result).Select(row => row.GetProperty("measure").GetString()));
        foreach (JsonElement row in Rows(result))
        {
            foreach (string side in sides)
            {
                double figure = row.GetProperty(side).GetDouble();
                Assert.True(figure > 0 || row.GetProperty("measure").GetString() == "idleCpuPercent", row.ToString());
                Assert.Equal(1, row.GetProperty($"{side}Rounds").GetArrayLength());
            }
        }
    }

    private static JsonElement.ArrayEnumerator Rows(JsonElement result) => result.GetProperty("rows").EnumerateArray();

    private static int Whole(JsonElement result, string key) => result.GetProperty(key).GetInt32();
}
