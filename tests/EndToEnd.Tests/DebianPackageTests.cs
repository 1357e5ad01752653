using System.Text.RegularExpressions;
using Softswitch.Testing;
using static Softswitch.EndToEnd.Tests.BuiltPackages;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The packages for Debian, and the unit one of them brings.</summary>
[Trait("Ring", "all")]
public sealed class DebianPackageTests(BuiltPackages packages) : IClassFixture<BuiltPackages>, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-deb-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Lintian_finds_no_error_and_what_is_in_them_runs_switch_and_demo_without_any_other_NET()
    {
        Needs.Namespaces("dpkg-deb", "lintian", "openssl", "systemd-analyze");
        (string package, string laboratory, string said) = packages.Make();
        Assert.DoesNotMatch(new Regex("^E: ", RegexOptions.Multiline), said);
        string root = $"{_folder}/root";
        Run("dpkg-deb", "--extract", package, root).Checked();
        foreach (string page in (string[])["man1/softswitch-run.1", "man5/softswitch.yaml.5", "man7/softswitch-ports.7", "man7/softswitch-drops.7"])
        {
            Assert.True(File.Exists($"{root}/usr/share/man/{page}.gz"), page);
        }
        Assert.Empty(BrokenLinks($"{root}/usr/share/doc/softswitch"));
        Assert.InRange(new FileInfo(package).Length, 1, 30_000_000); // with the whole of .NET and ASP.NET Core it was 42
        Assert.InRange(new FileInfo(laboratory).Length, 1, 3_000_000); // without a second .NET
        Assert.True(File.Exists($"{root}/usr/share/bash-completion/completions/softswitch"));
        Assert.Equal(
            File.ReadAllText(Path.Combine(Repository.Root, "mininet", "softswitch.py")), File.ReadAllText($"{root}/usr/lib/python3/dist-packages/softswitch.py"));
        Assert.Equal("/etc/softswitch/softswitch.yaml\n", Run("dpkg-deb", "--info", package, "conffiles").Checked().Output);
        foreach (string unit in new[] { "softswitch.service", "softswitch@.service" })
        {
            Assert.Contains("Type=notify\n", File.ReadAllText($"{root}/lib/systemd/system/{unit}"), StringComparison.Ordinal);
        }
        // systemd knows all that stands in them, and finds what they run.
        string[] judged = ["verify", $"--root={root}", "--man=no", "--recursive-errors=no", "softswitch.service", "softswitch@br0.service"];
        Assert.Empty(Run("systemd-analyze", judged).Error);
        Assert.DoesNotContain("%i", File.ReadAllText($"{root}/lib/systemd/system/softswitch.service"), StringComparison.Ordinal);

        string version = Run("dpkg-deb", "--field", package, "Version").Checked().Output.Trim();
        string[] alone = ["-i", "PATH=/usr/bin:/bin", "DOTNET_ROOT=/nowhere", $"{root}/usr/bin/softswitch"];
        Assert.Equal(version, Run("env", [.. alone, "--version"]).Checked().Output.Trim());
        // Of what the switch loads nothing is missing: YAML, TLS, the page.
        using RunningCommand running = RunningCommand.Start("env", [.. alone, "run", "--config", WriteConfiguration(), "--web", "0"]);
        running.WaitForText("\nready\n", Bound);
        string address = Regex.Match(running.Output, "web: (http:[^#]*)").Groups[1].Value;
        Assert.All((string[])["", "api/report", "api/flows?search=drop", "api/trace?in_port=1&flow=tcp", "metrics"], path => Ask(address + path));
        GoesOnWhereItsFilesAreGone(root);
        BringsTheLaboratory(laboratory, root, alone);
    }

    [Fact]
    public void In_a_bare_Debian_systemd_starts_reloads_upgrades_and_stops_the_switch()
    {
        Needs.Namespaces("dpkg-deb", "debootstrap");
        (string package, string laboratory, _) = packages.Make();
        CommandResult tried = Run(Path.Combine(Repository.Root, "eng", "debian", "try-in-bare-root"), package, laboratory);
        Assert.SkipWhen(tried.ExitCode == 77, tried.Error);
        Assert.True(tried.ExitCode == 0, tried.Output + tried.Error);
        Assert.EndsWith("== all went well\n", tried.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "--system daemon-reload")]
    [InlineData(
        "0.0.9", "--system daemon-reload", "list-units --plain --no-legend --state=active softswitch.service softswitch@*.service",
        "reload softswitch.service", "reload softswitch@br0.service", "try-restart softswitch@br0.service")]
    public void An_upgrade_reloads_what_runs_and_restarts_what_cannot_be_taken_over(string before, params string[] expected)
    {
        Needs.Namespaces();
        string[] stub =
        [
            "#!/bin/sh", $"echo \"$*\" >>{_folder}/asked", "case \"$*\" in",
            "list-units*) printf 'softswitch.service loaded active running a\\nsoftswitch@br0.service loaded active running b\\n' ;;",
            "'reload softswitch@br0.service') exit 1 ;;", "esac",
        ];
        File.WriteAllLines($"{_folder}/systemctl", stub);
        File.WriteAllText($"{_folder}/getent", "#!/bin/sh\n"); // the user is there
        Run("chmod", "+x", $"{_folder}/systemctl", $"{_folder}/getent").Checked();
        // Where systemd has booted.
        const string script = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && PATH=$1:$PATH exec sh \"$2\" configure \"$3\"";
        string program = Path.Combine(Repository.Root, "eng", "debian", "postinst");
        Run("unshare", "--mount", "sh", "-c", script, "sh", _folder, program, before).Checked();
        Assert.Equal(expected, File.ReadAllLines($"{_folder}/asked"));
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

    /// <summary>The second package has the commands that the first one's program asks it for, and none of the first one's files.</summary>
    private static void BringsTheLaboratory(string package, string root, string[] program)
    {
        Assert.Contains("install the package softswitch-lab", Run("env", [.. program, "demo", "--seconds", "1"]).Error, StringComparison.Ordinal);
        string list = Run("dpkg-deb", "--contents", package).Checked().Output;
        string[] files = [.. list.Split('\n').Where(line => line.StartsWith('-')).Select(line => line[line.IndexOf("./", StringComparison.Ordinal)..])];
        Assert.All(files, file => Assert.False(File.Exists(Path.Combine(root, file)), file));
        Assert.Contains("./usr/share/man/man1/softswitch-scenario.1.gz", files);
        Run("dpkg-deb", "--extract", package, root).Checked();
        Assert.Contains("every pair answered", Run("env", [.. program, "demo", "--seconds", "1"]).Checked().Output, StringComparison.Ordinal);
        // Of what the demo does not load nothing is missing either.
        Assert.Contains("mpps", Run("env", [.. program, "bench", "pipeline", "--seconds", "0.1", "--json"]).Checked().Output, StringComparison.Ordinal);
        Assert.Contains("victor", Run("env", [.. program, "scenario", "all", "--list"]).Checked().Output, StringComparison.Ordinal);
    }

    private static void Ask(string address)
    {
        using HttpClient client = new();
        Assert.NotEmpty(client.GetStringAsync(address, TestContext.Current.CancellationToken).GetAwaiter().GetResult());
    }

    /// <summary>A service is taken over by the next program when its own files are not there any more, as in an upgrade.</summary>
    private void GoesOnWhereItsFilesAreGone(string root)
    {
        (string before, string after) = ($"{root}/usr/lib/softswitch", $"{root}/usr/lib/next");
        string[] environment = [$"SOFTSWITCH_RUNDIR={_folder}", "NOTIFY_SOCKET=@softswitch-nobody"];
        string[] arguments = ["run", "--port", "1=null:", "--port", "2=null:", "--name", "up", "--listen", $"punix:{_folder}/of"];
        using RunningCommand running = RunningCommand.Start("env", [.. environment, $"{before}/softswitch", .. arguments]);
        running.WaitForText("\nready\n", Bound);
        // It may still be at what it does behind that word, of which this is the last to be loaded.
        Eventually.True(() => Run("grep", "-c", "System.Collections.Immutable.dll", $"/proc/{running.ProcessId}/maps").ExitCode == 0, "it has loaded what it needs");
        Directory.Move(before, after);
        using RunningCommand next = RunningCommand.Start("env", [.. environment, $"{after}/softswitch", .. arguments, "--take-over", "up"]);
        next.WaitForText("\nready\n", Bound);
        Assert.Equal(0, running.WaitForEnd(Bound).ExitCode);
        Directory.Move(after, before);
    }

    private string WriteConfiguration()
    {
        (string key, string certificate, string path) = ($"{_folder}/key", $"{_folder}/certificate", $"{_folder}/s.yaml");
        Run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=s", "-keyout", key, "-out", certificate).Checked();
        File.WriteAllText(path, $"""
            port: ["1=null:"]
            flows: ["priority=1,actions=drop"]
            listen: pssl:0:127.0.0.1
            private-key: {key}
            certificate: {certificate}
            ca-cert: {certificate}
            """);
        return path;
    }

    /// <summary>Links of documents that lead to no file.</summary>
    private static IEnumerable<string> BrokenLinks(string folder) =>
        from document in Directory.GetFiles(folder, "*.md", SearchOption.AllDirectories)
        from link in Regex.Matches(File.ReadAllText(document), @"\]\(([^)#:]+)(#[^)]*)?\)").Select(match => match.Groups[1].Value)
        where !Path.Exists(Path.Combine(Path.GetDirectoryName(document)!, link))
        select $"{document}: {link}";
}
