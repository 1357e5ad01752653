using Softswitch.Testing;

namespace Softswitch.Lab.Tests;

public sealed class RunningCommandTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    [Fact]
    public void A_command_gives_its_exit_code_and_what_it_said()
    {
        CommandResult result = RunningCommand.Try(
            "sh", ["-c", "echo out; echo $WORD >&2; exit 3"], Bound, CancellationToken.None, new Dictionary<string, string> { ["WORD"] = "err" });
        Assert.Equal((3, "out\n", "err\n"), (result.ExitCode, result.Output, result.Error));
        Assert.Contains("ended with 3: err\nout", Assert.Throws<InvalidOperationException>(result.Checked).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_command_can_be_told_something()
    {
        using var command = RunningCommand.Start("sh", ["-c", "read word; echo \"heard $word\""], listens: true);
        command.Say("this");
        Assert.Equal("heard this\n", command.WaitForEnd(Bound).Output);
    }

    [Fact]
    public void A_program_that_is_not_there_is_a_result_too()
    {
        CommandResult result = RunningCommand.Try("/nowhere/tool", [], Bound, CancellationToken.None);
        Assert.Equal(-1, result.ExitCode);
        Assert.Contains("/nowhere/tool", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_command_that_takes_too_long_is_ended()
    {
        using var command = RunningCommand.Start("sleep", ["1000"]);
        Assert.Throws<TimeoutException>(() => command.WaitForEnd(TimeSpan.FromMilliseconds(50)));
        Assert.True(command.HasExited);
        Assert.Equal(-1, RunningCommand.Try("sleep", ["1000"], TimeSpan.FromMilliseconds(50), CancellationToken.None).ExitCode);
    }

    [Fact]
    public void A_command_that_cannot_succeed_any_more_is_given_up() =>
        Assert.Equal(-1, RunningCommand.Try("sleep", ["1000"], Bound, CancellationToken.None, giveUp: () => true).ExitCode);

    [Fact]
    public void Cancelling_ends_the_command()
    {
        using var cancellation = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => RunningCommand.Try("sleep", ["1000"], Bound, cancellation.Token, giveUp: CancelMeanwhile));

        bool CancelMeanwhile()
        {
            cancellation.Cancel();
            return false;
        }
    }

    [Fact]
    public void A_command_that_stands_still_is_ended_too()
    {
        using var command = RunningCommand.Start("sleep", ["1000"]);
        command.Stop();
        command.End();
        Assert.True(command.HasExited);
    }

    [Fact]
    public void Children_go_with_the_command()
    {
        int child;
        using (var command = RunningCommand.Start("sh", ["-c", "sleep 1000 & echo $!; wait"]))
        {
            command.WaitForText("\n", Bound);
            child = int.Parse(command.Output, System.Globalization.CultureInfo.InvariantCulture);
        }
        Eventually.True(() => HasEnded(child), "the child has ended");
    }

    /// <summary>Gone, or waited for by nobody yet.</summary>
    private static bool HasEnded(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return true;
        }
    }
}
