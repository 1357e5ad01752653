using Microsoft.Extensions.Logging.Abstractions;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.State;
using Softswitch.OfAgent.Connections;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.State;

/// <summary>A switch's journal, on real files.</summary>
public sealed class StateJournalTests : JournalFolder
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void What_is_in_the_tables_at_the_end_is_in_those_of_the_next_start(int seed)
    {
        RandomMatches random = new(seed);
        for (int start = 0; start < 4; start++)
        {
            SortedDictionary<(byte, ulong), string> before;
            using (TestSwitch sut = new())
            {
                using StateJournal journal = Begin(sut.Control);
                before = TableContent.Of(sut.Control);
                journal.Start();
                for (int i = 0; i < 500; i++)
                {
                    Change(sut, random, i);
                }
                before = TableContent.Of(sut.Control);
            }
            using TestSwitch next = new();
            using StateJournal again = Begin(next.Control);
            Assert.NotEmpty(before);
            Assert.Equal(before, TableContent.Of(next.Control));
        }
        Assert.DoesNotContain(Lines, line => line.Contains("behind", StringComparison.Ordinal) || line.Contains("cut off", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public void What_a_killed_switch_leaves_is_a_table_as_it_once_was(int seed)
    {
        RandomMatches random = new(seed);
        string copy = Directory.CreateTempSubdirectory("softswitch-copy-").FullName;
        try
        {
            using TestSwitch sut = new();
            using StateJournal journal = Begin(sut.Control);
            Witness witness = new(journal.Queue);
            sut.Control.Flows.Observer = witness;
            journal.Start();
            List<string> copies = [];
            for (int i = 0; i < 1500; i++)
            {
                Change(sut, random, i, waits: false);
                if (i % 100 == 50 && File.Exists(JournalPath))
                {
                    copies.Add(Path.Combine(copy, $"{i}"));
                    Directory.CreateDirectory(copies[^1]);
                    File.Copy(JournalPath, Path.Combine(copies[^1], "flows.journal"));
                }
            }
            Assert.NotEmpty(copies);
            Assert.All(copies, folder =>
            {
                using TestSwitch next = new();
                using StateJournal again = Begin(next.Control, folder);
                Assert.Contains(Text(TableContent.Of(next.Control)), witness.History);
            });
        }
        finally
        {
            Directory.Delete(copy, recursive: true);
        }
    }

    [Fact]
    public void A_journal_that_outgrew_its_table_is_written_anew_while_flows_change()
    {
        SortedDictionary<(byte, ulong), string> before;
        using (TestSwitch sut = new())
        {
            using StateJournal journal = Begin(sut.Control);
            journal.Start();
            Eventually.True(() => journal.Read().IsSynced && journal.Queue.IsOpen, "the first file is written");
            long written = 0;
            long longest = 0;
            for (int i = 0; i < 120_000; i++) // 16 MB of records of 1000 entries
            {
                FlowMod mod = TestSwitch.Flow(FlowMatch.Any, (ushort)(i % 1000), cookie: (ulong)i);
                mod.Actions = new[] { FlowAction.Output((ushort)((i % 7) + 1)) };
                Assert.Equal(ControlError.None, Apply(sut, mod));
                written += 133;
                if (i % 1000 == 0)
                {
                    Settle(sut);
                    Eventually.True(() => journal.Queue.Length == 0, "the disk keeps up");
                    longest = Math.Max(longest, journal.Read().Bytes);
                }
            }
            Assert.InRange(longest, 1, written / 2);
            before = TableContent.Of(sut.Control);
        }
        using TestSwitch next = new();
        using StateJournal again = Begin(next.Control);
        Assert.Equal(before, TableContent.Of(next.Control));
        Assert.InRange(again.Read().Bytes, 0, 200_000);
        Assert.DoesNotContain(Lines, line => line.Contains("behind", StringComparison.Ordinal));
    }

    [Fact]
    public void A_start_in_vain_leaves_the_file_as_it_was()
    {
        using (TestSwitch sut = new())
        {
            using StateJournal journal = Begin(sut.Control);
            journal.Start();
            AddFlows(sut, 10);
        }
        byte[] before = File.ReadAllBytes(JournalPath);
        using (TestSwitch sut = new())
        {
            using StateJournal journal = Begin(sut.Control);
            AddFlows(sut, 20); // of a file whose last line is wrong
        }
        Assert.Equal(before, File.ReadAllBytes(JournalPath));
    }

    [Fact]
    public void A_torn_end_is_cut_off_and_said()
    {
        using (TestSwitch sut = new())
        {
            using StateJournal journal = Begin(sut.Control);
            journal.Start();
            AddFlows(sut, 10);
        }
        long length = new FileInfo(JournalPath).Length;
        File.AppendAllText(JournalPath, "torn");
        using TestSwitch next = new();
        using StateJournal again = Begin(next.Control);
        Assert.Equal(10, next.Flows().Count);
        Assert.Contains(Lines, line => line.Contains($"state: {JournalPath}: cut off at {length} of {length + 4} bytes", StringComparison.Ordinal));
    }

    [Fact]
    public void A_journal_damaged_in_the_middle_is_kept_beside_and_the_log_says_how_many_flows_went()
    {
        using (TestSwitch sut = new())
        {
            using StateJournal journal = Begin(sut.Control);
            journal.Start();
            AddFlows(sut, 10);
        }
        byte[] bytes = File.ReadAllBytes(JournalPath);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(JournalPath, bytes);
        using TestSwitch next = new();
        using StateJournal again = Begin(next.Control);
        int left = next.Flows().Count;
        Assert.InRange(left, 1, 8);
        Assert.Equal(bytes, File.ReadAllBytes($"{JournalPath}.damaged"));
        string warning = Assert.Single(Lines, line => line.Contains("damaged at", StringComparison.Ordinal));
        Assert.Contains($" of {bytes.Length} bytes: flows are as they were there. At least {9 - left} flow", warning, StringComparison.Ordinal);
        Assert.EndsWith($"added or changed later went; the file is kept as {JournalPath}.damaged", warning, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_folder_removed_or_moved_while_the_switch_runs_is_said_and_one_made_again_has_all_flows(bool isMoved)
    {
        string folder = Path.Combine(Folder, "state");
        using (TestSwitch sut = new())
        {
            using StateJournal journal = Begin(sut.Control, folder);
            journal.Start();
            AddFlows(sut, 10);
            Eventually.True(() => journal.Read().SyncedAt != null, "the first file is written");
            if (isMoved)
            {
                Directory.Move(folder, Path.Combine(Folder, "moved"));
            }
            else
            {
                Directory.Delete(folder, recursive: true);
            }
            Clock.Advance(TimeSpan.FromSeconds(1));
            AddFlows(sut, 11);
            string gone = $"state: {folder}: behind: the folder or the journal in it was removed or moved";
            Eventually.True(() => Lines.Any(line => line.Contains(gone, StringComparison.Ordinal)), "it is gone");
            Eventually.True(() => Later(() => journal.Read().Reason!.Contains("No such file", StringComparison.Ordinal)), () => journal.Read().Reason!);
            Directory.CreateDirectory(folder);
            Eventually.True(() => Later(() => !journal.Read().IsBehind), "it is in step again");
            Assert.Contains("in use by", Assert.Throws<OptionException>(() => StateFolder.Open(folder, Log)).Message, StringComparison.Ordinal);
        }
        using TestSwitch next = new();
        using StateJournal again = Begin(next.Control, folder);
        Assert.Equal(11, next.Flows().Count);
    }

    [Fact]
    public void A_pipe_in_the_journals_place_is_refused_and_one_in_that_of_the_next_journal_makes_nobody_wait()
    {
        Run("mkfifo", JournalPath + ".new");
        StateFolder.Open(Folder, Log).Dispose();
        Run("mkfifo", JournalPath);
        Assert.Equal(
            $"--state: '{JournalPath}' is a pipe, not a file; move it away", Assert.Throws<OptionException>(() => StateFolder.Open(Folder, Log)).Message);
    }

    [Fact]
    public void What_does_not_fit_any_more_is_said_and_forgotten()
    {
        using (TestSwitch sut = new())
        {
            using StateJournal journal = Begin(sut.Control);
            journal.Start();
            AddFlows(sut, 10);
        }
        DatapathOptions smaller = new() { MaxWildcardEntries = 4 };
        using (TestSwitch sut = new(options: smaller))
        {
            using StateJournal journal = Begin(sut.Control);
            journal.Start();
            Assert.Contains(Lines, line => line.Contains("6 flows cannot be restored: AllTablesFull", StringComparison.Ordinal));
        }
        using TestSwitch next = new();
        using StateJournal again = Begin(next.Control);
        Assert.Equal(4, next.Flows().Count);
    }

    [Fact]
    public void Counters_outlast_an_end_and_hard_timeouts_the_time_between_whatever_the_wall_clock_does()
    {
        using (TestSwitch sut = new())
        {
            using StateJournal journal = Begin(sut.Control);
            journal.Start();
            FlowMod mod = TestSwitch.Flow(FlowMatch.Any);
            mod.HardTimeoutSeconds = 100;
            mod.IdleTimeoutSeconds = 50;
            Apply(sut, mod);
            sut.Send(1, TestPacket.Tcp(), TestPacket.Tcp());
            sut.Time.Advance(TimeSpan.FromSeconds(40));
            Clock.Advance(TimeSpan.FromSeconds(40));
            Settle(sut);
        }
        Clock.Advance(TimeSpan.FromSeconds(30));
        Clock.Wall += TimeSpan.FromDays(1000);
        using TestSwitch next = new();
        using StateJournal again = Begin(next.Control);
        (ulong packets, TimeSpan duration) = Assert.Single(Durations(next.Control));
        Assert.Equal(2UL, packets);
        Assert.Equal(TimeSpan.FromSeconds(70), duration);
        next.Time.Advance(TimeSpan.FromSeconds(29)); // 50 since it was idle, but not since it could be used
        next.Settle();
        Assert.Single(next.Flows());
        next.Time.Advance(TimeSpan.FromSeconds(1.2));
        next.Settle();
        Assert.Empty(next.Flows());
    }

    [Fact]
    public void A_switch_that_does_not_start_leaves_its_folder_to_the_next_try()
    {
        SwitchOptions options = new() { State = Folder, Tls = new TlsFiles("no.key", "no.crt", "no.ca") };
        Assert.Contains("no.key", Assert.Throws<OptionException>(() => SwitchHost.Start(options)).Message, StringComparison.Ordinal);
        StateFolder.Open(Folder, Log).Dispose();
    }

    [Fact]
    public void A_folder_is_one_switch_s_at_a_time_and_the_error_names_the_other()
    {
        using StateFolder mine = StateFolder.Open(Folder, NullLogger.Instance);
        OptionException refusal = Assert.Throws<OptionException>(() => StateFolder.Open(Folder, NullLogger.Instance));
        Assert.Contains($"--state: '{Folder}': in use by another process (pid {Environment.ProcessId})", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_none_is_kept_aside_and_one_of_another_version_refused()
    {
        File.WriteAllText(JournalPath, "what is this, that is long enough for a header?");
        using (StateFolder folder = StateFolder.Open(Folder, Log))
        {
            Assert.Null(folder.Content);
        }
        Assert.True(File.Exists(JournalPath + ".damaged"));
        Assert.Contains(Lines, line => line.Contains("damaged from its first bytes on", StringComparison.Ordinal));
        JournalFile.Create(JournalPath).Dispose();
        byte[] bytes = File.ReadAllBytes(JournalPath);
        bytes[8]++;
        BitConverter.TryWriteBytes(bytes.AsSpan(28), Crc32C.Append(Crc32C.Start, bytes.AsSpan(0, 28)));
        File.WriteAllBytes(JournalPath, bytes);
        Assert.Contains("another version", Assert.Throws<OptionException>(() => StateFolder.Open(Folder, Log)).Message, StringComparison.Ordinal);
        Assert.Equal(bytes, File.ReadAllBytes(JournalPath));
    }

    private static void Change(TestSwitch sut, RandomMatches random, int i, bool waits = true)
    {
        FlowMod mod = TestSwitch.Flow(random.NextMatch(), (ushort)random.Random.Next(3), (FlowModCommand)random.Random.Next(5), cookie: (ulong)i);
        mod.Flags = random.Random.Next(4) == 0 ? FlowModFlags.Emergency : FlowModFlags.None;
        mod.Actions = new[] { FlowAction.Output((ushort)random.Random.Next(1, 5)) };
        Apply(sut, mod);
        if (waits)
        {
            Settle(sut);
        }
    }

    private static void Settle(TestSwitch sut)
    {
        using ControlScope scope = sut.Control.Enter();
        sut.Settle();
    }

    private static List<(ulong Packets, TimeSpan Duration)> Durations(DatapathControl control)
    {
        List<(ulong, TimeSpan)> all = [];
        for (uint cursor = 0; control.Flows.Next(ref cursor, new FlowFilter(FlowMatch.Any), out FlowStatistics entry);)
        {
            all.Add((entry.PacketCount, entry.Duration));
        }
        return all;
    }

    private static string Text(SortedDictionary<(byte, ulong), string> content) => string.Join('\n', content);

    /// <summary>Sees what the journal is told, one entry after the other, and what the tables are after each.</summary>
    private sealed class Witness(JournalQueue queue) : ITableObserver
    {
        private readonly SortedDictionary<(byte, ulong), string> _content = [];

        public HashSet<string> History { get; } = [""];

        public void Put(in FlowStatistics entry)
        {
            queue.Put(entry);
            _content[(entry.TableId, entry.Sequence)] = TableContent.Describe(entry);
            History.Add(Text(_content));
        }

        public void Remove(byte tableId, ulong sequence)
        {
            queue.Remove(tableId, sequence);
            _content.Remove((tableId, sequence));
            History.Add(Text(_content));
        }
    }
}
