using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Mininet;

/// <summary><c>mininet/softswitch.py</c> under Debian's Mininet, in namespaces where nothing it does reaches the machine (<c>isolated</c>).</summary>
[Trait("Ring", "all")]
public sealed class MininetTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(5);

    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "EndToEnd.Tests", "Mininet");

    [Fact]
    public void Mn_with_the_switch_pings_all_pairs_of_a_tree()
    {
        CommandResult said = Run(
            "mn.py", "--custom", Path.Combine(Repository.Root, "mininet", "softswitch.py"), "--switch", "softswitch", "--topo", "tree,3", "--test", "pingall");
        Assert.Contains("0% dropped (56/56 received)", said.Output + said.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Mn_says_why_an_option_cannot_be()
    {
        CommandResult said = Run(
            "mn.py", "--custom", Path.Combine(Repository.Root, "mininet", "softswitch.py"), "--switch", "softswitch,datapath=kernel", "--test", "pingall");
        Assert.NotEqual(0, said.ExitCode);
        Assert.Contains("s1: datapath=kernel: it forwards in user space", said.Output + said.Error, StringComparison.Ordinal);
    }

    // Each says at its head what it looks at.
    [Theory]
    [InlineData("learning_and_dpctl")]
    [InlineData("without_controller")]
    [InlineData("ovs_ofctl_finds_a_switch_by_its_name")]
    [InlineData("secure_without_controller")]
    [InlineData("ports_that_come_and_go")]
    [InlineData("switches_that_come_and_go")]
    [InlineData("several_controllers")]
    [InlineData("nothing_is_left")]
    [InlineData("python_is_killed")]
    [InlineData("python_ends_early")]
    [InlineData("switch_is_killed")]
    [InlineData("what_makes_no_sense_is_refused")]
    [InlineData("options_of_switch_and_process")]
    [InlineData("spanning_tree_in_a_ring")]
    [InlineData("patch_links")]
    [InlineData("shaped_links")]
    public void A_network_of_its_switches_passes_the_check(string check) => Run("checks.py", check).Checked();

    private static CommandResult Run(string script, params string[] arguments)
    {
        Needs.Namespaces("mn", "unshare", "iperf", "telnet", "ovs-testcontroller", "ovs-ofctl");
        var environment = new Dictionary<string, string>
        {
            ["SOFTSWITCH"] = $"'{SwitchProgram.Dotnet}' '{SwitchProgram.Library}'",
            ["SOFTSWITCH_RUNDIR"] = "", // the one of all is the network's own there
            ["PYTHONDONTWRITEBYTECODE"] = "1",
        };
        using RunningCommand command = RunningCommand.Start(
            Path.Combine(Folder, "isolated"), ["/usr/bin/python3", Path.Combine(Folder, script), .. arguments], environment);
        return command.WaitForEnd(Bound);
    }
}
