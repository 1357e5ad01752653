using System.Text.RegularExpressions;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The package for Debian, and the unit it brings.</summary>
[Trait("Ring", "all")]
public sealed class DebianPackageTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(10);

    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-deb-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Lintian_finds_no_error_and_what_is_in_it_runs_the_demo_without_any_other_NET()
    {
        Needs.Namespaces("dpkg-deb", "lintian");
        CommandResult made = Run(Path.Combine(Repository.Root, "eng", "package"), "deb", _folder);
        // The runtime that goes into it is fetched once, from where packages come.
        Assert.SkipWhen(made.ExitCode != 0 && (made.Output + made.Error).Contains("error NU1", StringComparison.Ordinal), $"the runtime cannot be fetched: {made.Output}");
        string package = made.Checked().Output.Trim().Split('\n')[^1];
        Assert.DoesNotMatch(new Regex("^E: ", RegexOptions.Multiline), made.Output + made.Error);
        string root = $"{_folder}/root";
        Run("dpkg-deb", "--extract", package, root).Checked();
        Assert.True(File.Exists($"{root}/usr/share/man/man1/softswitch-run.1.gz"));
        Assert.True(File.Exists($"{root}/usr/share/bash-completion/completions/softswitch"));
        Assert.Equal(
            File.ReadAllText(Path.Combine(Repository.Root, "mininet", "softswitch.py")), File.ReadAllText($"{root}/usr/lib/python3/dist-packages/softswitch.py"));
        Assert.Equal("/etc/softswitch/softswitch.yaml\n", Run("dpkg-deb", "--info", package, "conffiles").Checked().Output);
        foreach (string unit in new[] { "softswitch.service", "softswitch@.service" })
        {
            Assert.Contains("Type=notify\n", File.ReadAllText($"{root}/lib/systemd/system/{unit}"), StringComparison.Ordinal);
        }
        Assert.DoesNotContain("%i", File.ReadAllText($"{root}/lib/systemd/system/softswitch.service"), StringComparison.Ordinal);

        string version = Run("dpkg-deb", "--field", package, "Version").Checked().Output.Trim();
        string[] alone = ["-i", "PATH=/usr/bin:/bin", "DOTNET_ROOT=/nowhere", $"{root}/usr/bin/softswitch"];
        Assert.Equal(version, Run("env", [.. alone, "--version"]).Checked().Output.Trim());
        Assert.Contains("every pair answered", Run("env", [.. alone, "demo", "--seconds", "1"]).Checked().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_unit_is_exposed_no_more_than_it_must_be()
    {
        Needs.Program("systemd-analyze");
        // In tenths: a switch needs the network, its devices and packet sockets, and .NET compiles.
        CommandResult said = Run("systemd-analyze", "security", "--offline=true", "--threshold=30", Path.Combine(Repository.Root, "eng", "systemd", "softswitch@.service"));
        Assert.Contains("Overall exposure level", said.Output, StringComparison.Ordinal);
        Assert.True(said.ExitCode == 0, said.Output);
    }

    private static CommandResult Run(string file, params string[] arguments)
    {
        using RunningCommand command = RunningCommand.Start(file, arguments);
        return command.WaitForEnd(Bound);
    }
}
