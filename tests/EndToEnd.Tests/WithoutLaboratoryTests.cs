using Softswitch.EndToEnd.Tests.Harness;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The program in a folder without the page's, the laboratory's, the benchmarks' and the scenarios' assemblies: what loads one of them fails there.</summary>
public sealed class WithoutLaboratoryTests : IDisposable
{
    private static readonly string[] Missing = ["Softswitch.Web.dll", "Softswitch.Lab.dll", "Softswitch.Bench.dll", "Softswitch.Scenarios.dll"];

    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-lean-").FullName;

    public WithoutLaboratoryTests()
    {
        foreach (string file in Directory.GetFiles(AppContext.BaseDirectory, "*.dll").Append(Path.ChangeExtension(SwitchProgram.Library, "runtimeconfig.json")))
        {
            if (!Missing.Contains(Path.GetFileName(file)))
            {
                File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
            }
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_switch_runs_and_is_asked_and_ends()
    {
        string listen = Path.Combine(_folder, "of.sock");
        string control = Path.Combine(_folder, "control.sock");
        using RunningCommand running = Start("run", "--port", "1=null:", "--listen", $"punix:{listen}", "--control", $"punix:{control}");
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        Assert.Contains("1(null", Run("ofctl", "show", $"unix:{listen}").Checked().Output, StringComparison.Ordinal);
        Assert.Contains("port 1: null", Run("port", "list", $"unix:{control}").Checked().Output, StringComparison.Ordinal);
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    [Fact]
    public void A_controller_runs_and_ends()
    {
        using RunningCommand running = Start("controller", "--listen", "ptcp:0:127.0.0.1");
        running.WaitForText("ready\n", SwitchProgram.Patience);
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("run", "--help")]
    [InlineData("netfpga", "--help")]
    public void Help_is_given(params string[] arguments) => Run(arguments).Checked();

    // What proves that the tests above can fail.
    [Theory]
    [InlineData("demo", "Lab")]
    [InlineData("bench", "Bench")]
    [InlineData("scenario", "Scenarios")]
    public void Commands_of_the_laboratory_are_not_there(string command, string assembly) => AssertMissing(assembly, command, "--help");

    [Fact]
    public void The_page_is_not_there() => AssertMissing("Web", "run", "--port", "null:", "--web", "0");

    private void AssertMissing(string assembly, params string[] arguments)
    {
        CommandResult result = Run(arguments);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains($"Softswitch.{assembly}", result.Error, StringComparison.Ordinal);
    }

    private RunningCommand Start(params string[] arguments) =>
        RunningCommand.Start(SwitchProgram.Dotnet, [Path.Combine(_folder, Path.GetFileName(SwitchProgram.Library)), .. arguments]);

    private CommandResult Run(params string[] arguments)
    {
        using RunningCommand command = Start(arguments);
        return command.WaitForEnd(SwitchProgram.Patience);
    }
}
