using System.Text.Json.Nodes;
using Softswitch.Lab.Linux;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Testing;

namespace Softswitch.Lab.Tests.Measures;

/// <summary>When figures are those of what others left of a machine, and how a result says so.</summary>
public sealed class InterferenceTests
{
    [Fact]
    public void A_thread_that_had_its_processor_is_not_disturbed_by_a_high_load() =>
        Assert.Null(new Interference(LoadAverage: 40, StolenShare: 0.005, Share: 0.96, Others: 0).Reason);

    [Fact]
    public void What_was_taken_is_named_with_the_load()
    {
        string reason = new Interference(LoadAverage: 5.25, StolenShare: 0.031, Share: 0.62, Others: 100).Reason!;
        Assert.Equal(
            $"what is measured had 0.62 of its processor, others kept 100.00 processors busy, the hypervisor took 3.1 % of a processor; load average 5.3 on {Environment.ProcessorCount} processors",
            reason);
    }

    [Theory]
    [InlineData(0.0, 0.0, 1.0, false)]
    [InlineData(0.009, 0.0, 0.96, false)]
    [InlineData(0.011, 0.0, 1.0, true)]
    [InlineData(0.0, 100.0, 1.0, true)]
    [InlineData(0.0, 0.0, 0.94, true)]
    public void There_is_a_reason_where_more_is_taken_than_allowed(double stolen, double others, double share, bool isDisturbed)
    {
        var found = new Interference(LoadAverage: 1, stolen, share, others);
        Assert.Equal(isDisturbed, found.Severity > 1);
        Assert.Equal(isDisturbed, found.Reason != null);
    }

    [Fact]
    public void What_takes_more_is_worse_whatever_it_takes()
    {
        Interference[] worse = [new(1, 0), new(1, 0.02), new(1, 0, Others: 50), new(1, 0.01, Others: 60), new(1, 900, Others: 60)];
        Assert.Equal(worse, worse.Reverse().OrderBy(one => one.Severity));
    }

    [Fact]
    public void The_time_of_a_program_that_was_started_and_ended_meanwhile_is_ours()
    {
        long began = KernelClock.Nanoseconds; // before the watch, so that the time is no shorter than the watch's
        var watch = new MachineWatch();
        CommandResult said = RunningCommand.Execute("sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; cut -d ' ' -f 1 /proc/$$/schedstat");
        double ran = double.Parse(said.Checked().Output, System.Globalization.CultureInfo.InvariantCulture) / 1e9;
        double ours = watch.ReadMachine().Ours!.Value * (KernelClock.Nanoseconds - began) / 1e9;
        Assert.True(ours >= 0.9 * ran, $"{ours} of {ran} s");
    }

    [Fact]
    public void Of_medians_over_rounds_a_single_bad_round_disturbs_none()
    {
        Interference good = new(1, 0, Share: 1);
        Interference bad = new(9, 0.5, Share: 0.1);
        Assert.Null(Interference.Median([good, bad, good]).Reason);
        Assert.NotNull(Interference.Median([bad, bad, good]).Reason);
    }

    [Fact]
    public void A_disturbed_row_has_a_sign_in_the_table_a_line_below_it_and_two_keys()
    {
        var result = new BenchResult("rows");
        JsonObject quiet = [];
        JsonObject loud = [];
        var table = new MarkdownTable("row");
        table.Add("quiet" + result.Mark("quiet", quiet, new Interference(0, 0, Share: 1)));
        table.Add("loud" + result.Mark("loud", loud, new Interference(3, 0, Share: 0.5)));
        result.Add("rows", [quiet, loud], table);
        Assert.False(quiet["disturbed"]!.GetValue<bool>());
        Assert.Null(quiet["disturbedBy"]);
        Assert.True(loud["disturbed"]!.GetValue<bool>());
        Assert.StartsWith("what is measured had 0.50 of its processor", loud["disturbedBy"]!.GetValue<string>(), StringComparison.Ordinal);
        string[] lines = result.ToText().Split('\n');
        Assert.Contains(lines, line => line.StartsWith("| quiet  |", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("| loud * |", StringComparison.Ordinal));
        Assert.StartsWith("* loud: disturbed: what is measured had 0.50", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_thread_that_shares_its_processor_is_found_disturbed()
    {
        int processor = ProcessorAffinity.Read()[^1];
        bool isOver = false;
        IReadOnlyDictionary<int, ThreadTimes> before = ProcessSchedule.ReadThreads(Environment.ProcessId);
        var watch = new MachineWatch(Environment.ProcessId);
        Thread[] rivals = [.. Enumerable.Range(0, 3).Select(_ => new Thread(Spin))];
        Array.ForEach(rivals, rival => rival.Start());
        // Until the busiest thread is one of them, which has been taken off its processor many times.
        Eventually.True(IsBusiestWaiting, "they wait in turns");
        Interference found = watch.ReadProcesses();
        Volatile.Write(ref isOver, true);
        Array.ForEach(rivals, rival => rival.Join());
        Assert.NotNull(found.Reason);

        bool IsBusiestWaiting() => ProcessSchedule.ReadThreads(Environment.ProcessId)
            .Select(thread => thread.Value - before.GetValueOrDefault(thread.Key)).MaxBy(times => times.Ran) is { Ran: > 100_000_000, Share: < 0.8 };

        void Spin()
        {
            ProcessorAffinity.TrySet([processor]);
            while (!Volatile.Read(ref isOver))
            {
            }
        }
    }
}
