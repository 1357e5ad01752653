using System.Text.Json;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;
using static Softswitch.EndToEnd.Tests.Harness.BenchProgram;

namespace Softswitch.EndToEnd.Tests;

/// <summary><c>bench latency</c>. How long packets take is not asserted.</summary>
[Trait("Ring", "all")]
public sealed class BenchLatencyTests
{
    [Fact]
    public void Packets_cross_the_switch_under_every_load_whether_it_sleeps_or_spins()
    {
        JsonElement[] rows = Run();
        Assert.Equal(
            from load in (string[])["idle", "1 %", "10 %", "50 %"] from name in (string[])["softswitch", "softswitch spinning"] select (load, name),
            rows.Select(row => (Text(row, "load"), Text(row, "switch"))));
        AssertMeasured(rows);
    }

    [Fact]
    public void With_open_vswitch_all_are_offered_the_same()
    {
        NeedsOpenVSwitch();
        JsonElement[] rows = Run("--compare", "--rate", "0.05");
        Assert.Equal(["softswitch", "softswitch spinning", "openVSwitch"], rows.Select(row => Text(row, "switch")).Distinct());
        AssertMeasured(rows);
        Assert.All(rows.Where(row => Text(row, "load") == "50 %"), row => Assert.InRange(Number(row, "offeredMpps"), 0.001, 0.03));
    }

    /// <summary>Where guest or switch are kept from their processors, the few packets of a row may be lost, or the guest unsure of them.</summary>
    private static void AssertMeasured(JsonElement[] rows)
    {
        Assert.All(rows, row => Assert.True(Number(row, "packets") + Number(row, "unsure") + Number(row, "lost") > 0));
        JsonElement[] sure = [.. rows.Where(row => Number(row, "packets") > 0)];
        Assert.Equal(rows.Select(row => Text(row, "switch")).Distinct(), sure.Select(row => Text(row, "switch")).Distinct());
        Assert.All(sure, row =>
        {
            Assert.InRange(Number(row, "latencyP50Us"), 0.01, Number(row, "latencyP99Us"));
            Assert.True(Number(row, "latencyMaxUs") >= Number(row, "latencyP99Us") - 0.1); // rounded
        });
    }

    private static string Text(JsonElement row, string key) => row.GetProperty(key).GetString()!;

    private static JsonElement[] Run(params string[] arguments)
    {
        Needs.Namespaces();
        JsonElement result = BenchProgram.Run(["latency", "--no-huge", "--real-time", "--seconds", "0.2", "--rounds", "1", "--tolerance", "0.5", .. arguments]);
        return [.. result.GetProperty("rows").EnumerateArray()];
    }
}
