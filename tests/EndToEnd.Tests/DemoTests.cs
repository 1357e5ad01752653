using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The demonstration, as root and as anyone.</summary>
public sealed class DemoTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);
    private static readonly string[] AsNobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/nonexistent"];

    [Fact]
    public void As_root_every_pair_answers_and_nothing_is_left()
    {
        Needs.Namespaces();
        using var node = new LabNode("demo"); // where nobody else makes interfaces meanwhile
        string before = node.Execute("ip", "-o", "link").Checked().Output;
        RunningCommand demo = node.Start(SwitchProgram.Dotnet, SwitchProgram.Library, "demo", "--seconds", "5");
        CommandResult result = demo.WaitForEnd(Bound).Checked();
        Assert.Contains("every pair answered", result.Output, StringComparison.Ordinal);
        Assert.Contains("actions=output:", result.Output, StringComparison.Ordinal);
        Assert.Contains("4 s1-h4: rx", result.Output, StringComparison.Ordinal);
        Assert.Empty(result.Error);
        Assert.Equal(before, node.Execute("ip", "-o", "link").Checked().Output);
    }

    [Fact]
    public void An_ordinary_user_sees_it_too()
    {
        NeedNobody();
        CommandResult probe = Probe("setpriv", [.. AsNobody, "unshare", "--user", "--map-root-user", "--net", "true"]);
        Assert.SkipUnless(probe.ExitCode == 0, $"this system lets ordinary users make no namespaces: {probe.Error.Trim()}");
        CommandResult result = Probe("setpriv", [.. AsNobody, SwitchProgram.Dotnet, SwitchProgram.Library, "demo", "--seconds", "5"]);
        Assert.True(result.ExitCode == 0, result.Error + result.Output);
        Assert.Contains("every pair answered", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_the_system_forbids_namespaces_a_line_says_what_to_do()
    {
        Needs.Namespaces("setpriv", "unshare");
        // Inside a user namespace that may make no others, the user is as if the machine forbade it.
        string script =
            $"echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all {SwitchProgram.Dotnet} {SwitchProgram.Library} demo --seconds 1";
        CommandResult probe = Probe("unshare", ["--user", "--map-root-user", "sh", "-c", "echo 0 > /proc/sys/user/max_user_namespaces"]);
        Assert.SkipUnless(probe.ExitCode == 0, $"the limit of user namespaces cannot be set: {probe.Error.Trim()}");
        CommandResult result = Probe("unshare", ["--user", "--map-root-user", "sh", "-c", script]);
        Assert.Equal(2, result.ExitCode);
        string line = Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("softswitch demo: this system lets only root make network namespaces", line, StringComparison.Ordinal);
        Assert.Contains("sysctl -w user.max_user_namespaces=", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("ten")]
    public void A_time_that_is_none_is_refused(string seconds)
    {
        CommandResult result = SwitchProgram.Execute("demo", "--seconds", seconds);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("--seconds", Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    private static void NeedNobody()
    {
        Needs.Namespaces("setpriv", "unshare");
        CommandResult read = Probe("setpriv", [.. AsNobody, "test", "-r", SwitchProgram.Library]);
        Assert.SkipUnless(read.ExitCode == 0, $"{SwitchProgram.Library} is in a folder that ordinary users may not read");
    }

    private static CommandResult Probe(string file, string[] arguments)
    {
        using RunningCommand command = RunningCommand.Start(file, arguments);
        return command.WaitForEnd(Bound);
    }
}
