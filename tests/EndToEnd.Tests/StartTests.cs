using Softswitch.EndToEnd.Tests.Harness;

namespace Softswitch.EndToEnd.Tests;

/// <summary>What a switch loads at its start: each library is milliseconds and megabytes, so those that it does not use are left alone.</summary>
public sealed class StartTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-start-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Without_a_file_TLS_a_page_or_a_tool_that_asks_it_loads_nothing_for_them()
    {
        string maps = MapsOf("--port", "1=null:", "--datapath-id", "1");
        string[] unused =
        [
            "YamlDotNet.dll", "libcrypto.", "System.Security.Cryptography.dll", "System.Text.RegularExpressions.dll", "System.Text.Json.dll",
            "Microsoft.AspNetCore.", "Softswitch.Web.dll",
        ];
        Assert.All(unused, library => Assert.DoesNotContain(library, maps, StringComparison.Ordinal));
    }

    // What proves that the test above can fail.
    [Fact]
    public void A_file_loads_what_reads_it()
    {
        string file = Path.Combine(_folder, "switch.yaml");
        File.WriteAllText(file, "port: ['1=null:']\n");
        Assert.Contains("YamlDotNet.dll", MapsOf("--config", file), StringComparison.Ordinal);
    }

    private string MapsOf(params string[] arguments)
    {
        using RunningCommand running = RunningCommand.Start(
            SwitchProgram.Dotnet, [SwitchProgram.Library, "run", .. arguments, "--control", $"punix:{Path.Combine(_folder, "control.sock")}"]);
        running.WaitForText("ready\n", SwitchProgram.Patience);
        string maps = File.ReadAllText($"/proc/{running.ProcessId}/maps");
        SwitchProgram.Terminate(running);
        running.WaitForEnd(SwitchProgram.Patience).Checked();
        return maps;
    }
}
