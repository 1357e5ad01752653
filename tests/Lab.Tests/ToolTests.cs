using System.Diagnostics;

namespace Softswitch.Lab.Tests;

public sealed class ToolTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);
    private static readonly Dictionary<string, string> NoVariables = [];

    [Fact]
    public void A_tool_gives_its_exit_code_and_what_it_said()
    {
        ToolResult result = Tool.Run("sh", ["-c", "echo out; echo $WORD >&2; exit 3"], Bound, CancellationToken.None, new Dictionary<string, string> { ["WORD"] = "err" });
        Assert.Equal(new ToolResult(3, "out\n", "err\n"), result);
    }

    [Fact]
    public void A_program_that_is_not_there_is_a_result_too()
    {
        ToolResult result = Tool.Run("/nowhere/tool", [], Bound, CancellationToken.None);
        Assert.Equal(-1, result.ExitCode);
        Assert.Contains("/nowhere/tool", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tool_that_takes_too_long_is_ended()
    {
        ToolResult result = Tool.Run("sleep", ["1000"], TimeSpan.FromMilliseconds(50), CancellationToken.None);
        Assert.Equal(-1, result.ExitCode);
    }

    [Fact]
    public void Cancelling_ends_the_tool()
    {
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        Assert.Throws<OperationCanceledException>(() => Tool.Run("sleep", ["1000"], Bound, cancellation.Token));
    }

    [Fact]
    public void A_daemon_that_stands_still_is_ended_too()
    {
        Daemon daemon = Daemon.Start("sleep", ["1000"], NoVariables);
        using var process = Process.GetProcessById(daemon.ProcessId);
        daemon.Stop();
        daemon.Dispose();
        Assert.True(process.WaitForExit(Bound));
    }
}
