using System.Text.Json;
using Softswitch.Bench.Sides;

namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary><c>softswitch bench</c>, run as a person does. How fast is not asserted.</summary>
internal static class BenchProgram
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(240);

    public static CommandResult Execute(params string[] arguments)
    {
        using RunningCommand command = RunningCommand.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, "bench", .. arguments]);
        return command.WaitForEnd(Bound);
    }

    /// <summary>Runs a benchmark that must succeed, say what it does and print one object on one line.</summary>
    public static JsonElement Run(params string[] arguments)
    {
        CommandResult result = Execute([.. arguments, "--json"]).Checked();
        Assert.Matches($"(?m)^{arguments[0]}: .*; about [0-9]+ (s|min)", result.Error);
        using JsonDocument document = JsonDocument.Parse(Assert.Single(result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        Assert.Equal(arguments[0], document.RootElement.GetProperty("benchmark").GetString());
        return document.RootElement.Clone();
    }

    public static double Number(JsonElement row, string key) => row.GetProperty(key).GetDouble();

    /// <summary>Skips the test where Open vSwitch with DPDK is not installed.</summary>
    public static void NeedsOpenVSwitch() => Assert.SkipUnless(
        OvsInstallation.Find(null, needsDpdk: true, out IReadOnlyList<string> missing) != null, $"{string.Join("; ", missing)}: {OvsInstallation.DpdkInstallLine}");
}
