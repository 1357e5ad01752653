using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

public sealed class TestNamespaceTests
{
    [Fact]
    public void A_namespace_has_its_own_interfaces_and_is_deleted_with_them()
    {
        Needs.Namespaces();
        string name;
        using (var left = new TestNamespace())
        using (var right = new TestNamespace())
        {
            name = left.Name;
            TestNamespace.Join(left, "near", right, "far");
            Assert.Contains("near", left.Execute("ip", "-o", "link").Checked().Output, StringComparison.Ordinal);
            Assert.DoesNotContain("near", right.Execute("ip", "-o", "link").Checked().Output, StringComparison.Ordinal);
        }
        Assert.DoesNotContain(name, TestNamespace.ExecuteOutside("ip", "netns", "list").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Code_run_inside_sees_the_namespace_and_the_caller_stays_outside()
    {
        Needs.Namespaces();
        using var space = new TestNamespace();
        space.Execute("ip", "link", "add", "only-here", "type", "veth").Checked();
        // /proc/net follows the process's first thread; thread-self follows the caller.
        Assert.Contains("only-here", space.Run(() => File.ReadAllText("/proc/thread-self/net/dev")), StringComparison.Ordinal);
        Assert.DoesNotContain("only-here", File.ReadAllText("/proc/thread-self/net/dev"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_command_that_does_not_end_is_bounded_and_killed()
    {
        Needs.Namespaces();
        using var space = new TestNamespace();
        Assert.Throws<TimeoutException>(() => space.Execute(TimeSpan.FromMilliseconds(50), "sleep", "600"));
    }

    [Fact]
    public void Failures_inside_reach_the_caller()
    {
        Needs.Namespaces();
        using var space = new TestNamespace();
        Assert.Throws<InvalidOperationException>(() => space.Run(() => throw new InvalidOperationException("inside")));
        Assert.Throws<InvalidOperationException>(() => space.Execute("false").Checked());
    }
}
