using Softswitch.EndToEnd.Tests.Harness;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The program in a folder without the laboratory's program: what loads that fails there.</summary>
public sealed class WithoutLaboratoryTests : IDisposable
{
    private static readonly string[] Missing = ["Softswitch.Lab.dll", "Softswitch.Bench.dll", "Softswitch.Scenarios.dll", "Spectre.Console.dll", "softswitch-lab.dll"];

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

    [Theory]
    [InlineData("demo")]
    [InlineData("bench", "pipeline", "--json")]
    [InlineData("--verbose", "scenario", "--help")]
    public void Commands_of_the_laboratory_say_which_package_to_install(params string[] arguments)
    {
        CommandResult result = Run(arguments);
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        string line = Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        string command = arguments.First(word => !word.StartsWith('-'));
        Assert.StartsWith($"softswitch {command}: the program softswitch-lab is not installed: install the package softswitch-lab", line, StringComparison.Ordinal);
    }

    private RunningCommand Start(params string[] arguments) =>
        RunningCommand.Start(SwitchProgram.Dotnet, [Path.Combine(_folder, Path.GetFileName(SwitchProgram.Library)), .. arguments]);

    private CommandResult Run(params string[] arguments)
    {
        using RunningCommand command = Start(arguments);
        return command.WaitForEnd(SwitchProgram.Patience);
    }
}
