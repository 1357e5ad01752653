using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>./softswitch: starts from anywhere, and says in one line what it lacks.</summary>
public sealed class LauncherTests : IDisposable
{
    // A launcher whose switch is not built builds it.
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(4);

    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-test-").FullName;

    [Fact]
    public void It_runs_from_another_folder_through_a_link()
    {
        string link = Path.Combine(_folder, "linked");
        File.CreateSymbolicLink(link, Launcher());
        CommandResult result = Run("sh", "-c", $"cd / && {link} run --port 1=a --port 1=b");
        Assert.Equal(2, result.ExitCode);
        Assert.Equal("softswitch run: --port: '1=b': the number belongs to '1=a'\n", result.Error);
        Assert.Empty(result.Output);
    }

    [Theory]
    [InlineData("exit 0", "newest found by")]
    [InlineData("echo '8.0.100 [/usr/share/dotnet/sdk]'", "is 8.0.100: install it from")]
    public void Without_a_fitting_SDK_a_line_says_what_to_install(string dotnet, string expected)
    {
        MakeCheckout(dotnet);
        CommandResult result = RunInCheckout("demo");
        Assert.Equal(2, result.ExitCode);
        string line = Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("softswitch: needs the .NET SDK 10 or newer", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
    }

    [Fact]
    public void It_builds_the_laboratory_for_its_commands_alone_and_the_switch_for_all_others()
    {
        const string builds = "case $1 in --list-sdks) echo '10.0.100 [/]' ;; build) echo $2 >>${0%/*}/.built; echo 'Build succeeded' ;; *) echo $* ;; esac";
        const string laboratory = "lab/Program/LabProgram.csproj", program = "src/Softswitch/Softswitch.csproj";
        MakeCheckout(builds);
        Start("run --check", "src/Softswitch/bin/Release/net10.0/softswitch.dll", program);
        Start("status br0", "src/Softswitch/bin/Release/net10.0/softswitch.dll", program);
        Start("demo --seconds 1", "lab/Program/bin/Release/net10.0/softswitch-lab.dll", program, laboratory);
        File.WriteAllText(Path.Combine(_folder, "lab", "New.cs"), string.Empty);
        Start("run", "src/Softswitch/bin/Release/net10.0/softswitch.dll", program, laboratory);
        Start("--verbose bench pipeline", "lab/Program/bin/Release/net10.0/softswitch-lab.dll", program, laboratory, laboratory);

        void Start(string arguments, string expected, params string[] built)
        {
            Assert.Equal($"{_folder}/{expected} {arguments}\n", RunInCheckout(arguments.Split(' ')).Checked().Output);
            Assert.Equal(built.Select(project => $"{_folder}/{project}"), File.ReadAllLines(Path.Combine(_folder, ".built")));
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("#!/bin/sh\nexit 0\n")]
    [Trait("Ring", "all")]
    public void The_test_script_installs_Open_vSwitch_without_its_services_and_leaves_the_policy_as_it_was(string? policy)
    {
        string policyFile = WritePolicy(policy);
        string said = InstallPeers("install_peers && install_peers").Checked().Output;
        Assert.Equal("installing the peers to test against with apt-get: openvswitch-switch\n", said);
        Assert.Equal("policy says 101\nupdate-rc.d openvswitch-switch disable\n", File.ReadAllText(Path.Combine(_folder, "said")));
        Assert.Equal(policy, File.Exists(policyFile) ? File.ReadAllText(policyFile) : null);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("#!/bin/sh\nexit 0\n")]
    [Trait("Ring", "all")]
    public void A_test_script_that_was_killed_while_it_installed_leaves_the_policy_to_the_next_one(string? policy)
    {
        string policyFile = WritePolicy(policy);
        Assert.NotEqual(0, InstallPeers("openvswitch-switch() { kill -9 $BASHPID; }; install_peers").ExitCode);
        Assert.NotEqual(policy, File.ReadAllText(policyFile));
        InstallPeers("install_peers").Checked();
        Assert.Equal(policy, File.Exists(policyFile) ? File.ReadAllText(policyFile) : null);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Launcher()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder != null; folder = folder.Parent)
        {
            string launcher = Path.Combine(folder.FullName, "softswitch");
            if (File.Exists(launcher) && File.Exists(Path.Combine(folder.FullName, "Softswitch.sln")))
            {
                return launcher;
            }
        }
        Assert.Skip("the tests do not run inside a checkout");
        return string.Empty;
    }

    /// <summary>A checkout that was never built, and in it a script in dotnet's place.</summary>
    private void MakeCheckout(string dotnet)
    {
        string root = Path.GetDirectoryName(Launcher())!;
        foreach (string folder in (string[])["eng", "src", "lab"])
        {
            Directory.CreateDirectory(Path.Combine(_folder, folder));
        }
        foreach (string file in (string[])["softswitch", "eng/build.sh", "eng/keep-capabilities"])
        {
            File.Copy(Path.Combine(root, file), Path.Combine(_folder, file));
        }
        string fake = Path.Combine(_folder, "dotnet");
        File.WriteAllText(fake, $"#!/bin/bash\n{dotnet}\n");
        Run("chmod", "+x", fake).Checked();
    }

    private CommandResult RunInCheckout(params string[] arguments) =>
        Run("env", [$"PATH={_folder}:/usr/bin:/bin", Path.Combine(_folder, "softswitch"), .. arguments]);

    private string WritePolicy(string? policy)
    {
        Needs.Root();
        string file = Path.Combine(_folder, "policy-rc.d");
        if (policy != null)
        {
            File.WriteAllText(file, policy);
            Run("chmod", "+x", file).Checked();
        }
        return file;
    }

    /// <summary>On a machine on which only Open vSwitch's tools are installed, whose apt-get starts services if it may, like Debian's.</summary>
    private CommandResult InstallPeers(string command)
    {
        string script = $$"""
            policy=$PWD/policy-rc.d results=$PWD
            source "$1"
            command() { case $2 in ovs-vswitchd) [[ -e installed ]] ;; *) true ;; esac; }
            openvswitch-switch() { "$policy" openvswitch-switch start; echo "policy says $?" >>said; }
            apt-get() { [[ $* == *" install "*" openvswitch-switch" ]] || return; touch installed; openvswitch-switch; }
            /usr/bin/python3() { true; }
            dpkg() { true; }
            timeout() { shift 2; "$@"; }
            update-rc.d() { echo "update-rc.d $*" >>said; }
            {{command}}
            """;
        string peers = Path.Combine(Path.GetDirectoryName(Launcher())!, "eng", "peers.sh");
        return Run("sh", "-c", $"cd {_folder} && exec bash -c \"$1\" bash {peers}", "sh", script);
    }

    private static CommandResult Run(string file, params string[] arguments)
    {
        using RunningCommand command = RunningCommand.Start(file, arguments);
        return command.WaitForEnd(Bound);
    }
}
