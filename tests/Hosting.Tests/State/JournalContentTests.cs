using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Hosting.State;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.State;

/// <summary>What is read back of a journal, whole and damaged.</summary>
public sealed class JournalContentTests : IDisposable
{
    private static readonly ClockReading Written = new(TimeSpan.TicksPerHour, 100 * TimeSpan.TicksPerDay, Guid.NewGuid());

    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-journal-").FullName;

    private readonly TestSwitch _switch = new();

    private string Path => System.IO.Path.Combine(_folder, "journal");

    public void Dispose()
    {
        _switch.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Cut_at_any_byte_it_is_what_it_was_after_the_last_whole_record()
    {
        List<(long End, string State)> history = WriteHistory(seed: 1, changes: 15);
        byte[] whole = File.ReadAllBytes(Path);
        Assert.Equal(whole.Length, history[^1].End);
        for (int length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(Path, whole[..length]);
            JournalContent content = JournalContent.Read(Path);
            if (length < JournalFile.HeaderSize)
            {
                Assert.False(content.IsReadable || content.IsOfAnotherVersion);
                continue;
            }
            (long end, string state) = history.Last(moment => moment.End <= length);
            Assert.True(content.IsReadable);
            Assert.Equal(end, content.Length);
            Assert.Equal(length, content.FileLength);
            Assert.Equal(state, Describe(content));
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void With_a_bit_of_any_byte_flipped_it_is_what_it_was_before_that_record(int seed)
    {
        List<(long End, string State)> history = WriteHistory(seed, changes: 8);
        byte[] bytes = File.ReadAllBytes(Path);
        for (int place = 0; place < bytes.Length; place++)
        {
            byte flipped = (byte)(1 << (place % 8));
            bytes[place] ^= flipped;
            File.WriteAllBytes(Path, bytes);
            JournalContent content = JournalContent.Read(Path);
            if (place < JournalFile.HeaderSize)
            {
                Assert.False(content.IsReadable || content.IsOfAnotherVersion);
            }
            else
            {
                (long end, string state) = history.Last(moment => moment.End <= place);
                Assert.Equal(end, content.Length);
                Assert.Equal(state, Describe(content));
            }
            bytes[place] ^= flipped;
        }
    }

    [Fact]
    public void A_record_of_another_file_or_another_place_is_none()
    {
        List<(long End, string State)> history = WriteHistory(seed: 4, changes: 30);
        byte[] first = File.ReadAllBytes(Path);
        WriteHistory(seed: 4, changes: 30);
        byte[] second = File.ReadAllBytes(Path);
        int cut = (int)history[10].End;
        File.WriteAllBytes(Path, [.. first[..cut], .. second[cut..]]);
        Assert.Equal(cut, JournalContent.Read(Path).Length);
        File.WriteAllBytes(Path, [.. first[..cut], .. first[(int)history[5].End..]]);
        Assert.Equal(cut, JournalContent.Read(Path).Length);
    }

    [Fact]
    public void Zeros_and_noise_behind_the_end_are_cut_off_and_what_is_written_then_is_read()
    {
        List<(long End, string State)> history = WriteHistory(seed: 5, changes: 20);
        Random random = new(5);
        for (int i = 0; i < 50; i++)
        {
            byte[] noise = new byte[random.Next(1, 300)];
            if (i % 2 == 0)
            {
                random.NextBytes(noise);
            }
            using (FileStream file = new(Path, FileMode.Append))
            {
                file.Write(noise);
            }
            JournalContent content = JournalContent.Read(Path);
            Assert.Equal(history[^1].State, Describe(content));
            using (JournalFile file = JournalFile.Continue(Path, content.Length, content.Checksum))
            {
                JournalBuffer buffer = new(1000);
                buffer.Port((ushort)(1000 + i), $"late{i}");
                file.Append(buffer.Bytes);
            }
            content = JournalContent.Read(Path);
            Assert.True(content.Ports.TryFind($"late{i}", out ushort number) && number == 1000 + i);
            Assert.Equal(content.FileLength, content.Length);
            history.Add((content.Length, Describe(content)));
        }
    }

    [Theory]
    [InlineData(0)] // the length: where the next record begins has to be found
    [InlineData(60)] // the entry
    public void Behind_damage_in_the_middle_the_entries_that_went_are_counted(int offset)
    {
        List<long> ends = [];
        using (JournalFile file = JournalFile.Create(Path))
        {
            JournalBuffer buffer = new(1 << 20);
            buffer.Clock(Written);
            for (uint i = 1; i <= 20; i++)
            {
                buffer.Put(Written.Monotonic, new FlowStatistics { Match = FlowMatch.Any, Sequence = i });
                file.Append(buffer.Bytes);
                buffer.Clear();
                ends.Add(file.Length);
            }
            buffer.Put(Written.Monotonic, new FlowStatistics { Match = FlowMatch.Any, Sequence = 20 }); // changed
            buffer.Remove(0, 19);
            buffer.Remove(0, 3);
            file.Append(buffer.Bytes);
        }
        byte[] bytes = File.ReadAllBytes(Path);
        bytes[ends[9] + offset] ^= 4; // of entry 11
        File.WriteAllBytes(Path, bytes);
        JournalContent content = JournalContent.Read(Path);
        Assert.Equal((ends[9], 10), (content.Length, content.EntryCount));
        Assert.True(content.HasRecordsBeyond);
        Assert.Equal(offset == 0 ? 7 : 8, content.LostEntryCount); // of 12 to 20, without 19; a record proves only the one behind it
        File.WriteAllBytes(Path, bytes[..(int)(ends[9] + 50)]);
        Assert.False(JournalContent.Read(Path).HasRecordsBeyond); // a torn end
    }

    [Theory]
    [InlineData(8)] // of records
    [InlineData(10)] // of entries
    public void A_file_of_another_version_is_known_as_such_and_not_read(int offset)
    {
        WriteHistory(seed: 6, changes: 5);
        byte[] bytes = File.ReadAllBytes(Path);
        bytes[offset]++;
        BitConverter.TryWriteBytes(bytes.AsSpan(28), Crc32C.Append(Crc32C.Start, bytes.AsSpan(0, 28)));
        File.WriteAllBytes(Path, bytes);
        JournalContent content = JournalContent.Read(Path);
        Assert.True(content.IsOfAnotherVersion);
        Assert.False(content.IsReadable);
        Assert.Equal(0, content.EntryCount);
    }

    [Theory]
    [InlineData(30, 0, 30)] // the machine ran on: only its own clock counts
    [InlineData(30, 1_000_000, 30)]
    [InlineData(30, -1_000_000, 30)]
    public void While_the_machine_runs_jumps_of_the_wall_clock_are_no_time(int away, int jump, int expected)
    {
        ClockReading now = new(Written.Monotonic + Ticks(away), Written.Wall + Ticks(away + jump), Written.Boot);
        Assert.Equal(Ticks(expected), now.Since(Written.Monotonic, Written));
    }

    [Theory]
    [InlineData(3600, 100, 3600)] // by the wall clock
    [InlineData(-3600, 100, 100)] // put back: at least since the machine was started
    [InlineData(50, 100, 100)]
    public void Over_a_new_start_of_the_machine_the_wall_clock_counts_if_it_went_forward(int wall, int uptime, int expected)
    {
        ClockReading now = new(Ticks(uptime), Written.Wall + Ticks(wall), Guid.NewGuid());
        Assert.Equal(Ticks(expected), now.Since(Written.Monotonic, Written));
    }

    [Fact]
    public void Hard_timeouts_go_on_and_what_is_over_is_left_out_and_said()
    {
        using (JournalFile file = JournalFile.Create(Path))
        {
            JournalBuffer buffer = new(1 << 20);
            buffer.Clock(Written);
            for (ushort hard = 0; hard <= 100; hard += 10)
            {
                buffer.Put(Written.Monotonic, new FlowStatistics { Match = FlowMatch.Any, Priority = hard, Sequence = 1u + hard, HardTimeoutSeconds = hard, Duration = TimeSpan.FromSeconds(5) });
            }
            file.Append(buffer.Bytes);
        }
        TestSwitch sut = _switch;
        List<ulong> gone = [];
        ClockReading now = Written with { Monotonic = Written.Monotonic + Ticks(40), Wall = 0 };
        RestoreCount count;
        using (sut.Control.Enter())
        {
            count = JournalContent.Read(Path).Restore(sut.Control, now, (_, sequence) => gone.Add(sequence));
        }
        Assert.Equal(new RestoreCount(7, 4, 0, ControlError.None), count);
        Assert.Equal([11UL, 21UL, 31UL, 41UL], gone);
        sut.Time.Advance(TimeSpan.FromSeconds(5.2)); // 50 - 5 - 40 was left
        sut.Settle();
        Assert.Equal(6, sut.Flows().Count);
        Assert.DoesNotContain(sut.Flows(), flow => flow.Priority == 50);
    }

    private static long Ticks(int seconds) => seconds * TimeSpan.TicksPerSecond;

    /// <summary>Entries that come, change and go, ports and datapath ids; with what the file says after each record.</summary>
    private List<(long End, string State)> WriteHistory(int seed, int changes)
    {
        RandomMatches random = new(seed);
        SortedDictionary<string, string> state = [];
        using JournalFile file = JournalFile.Create(Path);
        List<(long, string)> history = [(file.Length, Text(state))];
        JournalBuffer buffer = new(1 << 20);
        buffer.Clock(Written);
        for (int i = 0; i <= changes; i++)
        {
            file.Append(buffer.Bytes);
            history.Add((file.Length, Text(state)));
            buffer.Clear();
            ulong sequence = (ulong)random.Random.Next(1, 9);
            byte table = random.Random.Next(3) == 0 ? FlowFilter.EmergencyTable : FlowFilter.FlowTable;
            switch (random.Random.Next(8))
            {
                case 0:
                    ushort number = (ushort)random.Random.Next(1, 4);
                    buffer.Port(number, $"eth{i}");
                    state[$"port {number}"] = $"eth{i}";
                    break;
                case 1:
                    buffer.DatapathId((ulong)i);
                    state["datapath id"] = $"{i}";
                    break;
                case 2 or 3:
                    buffer.Remove(table, sequence);
                    state.Remove($"entry {table} {sequence}");
                    break;
                default:
                    FlowStatistics entry = new()
                    {
                        TableId = table,
                        Sequence = sequence,
                        Match = MatchNormalizer.Report(random.NextMatch()),
                        Priority = (ushort)(table + sequence),
                        Cookie = (ulong)i,
                        Actions = Enumerable.Range(1, random.Random.Next(5)).Select(port => FlowAction.Output((ushort)port)).ToArray(),
                    };
                    buffer.Put(Written.Monotonic, entry);
                    state[$"entry {table} {sequence}"] = TableContent.Describe(entry);
                    break;
            }
        }
        return history;
    }

    private string Describe(JournalContent content)
    {
        SortedDictionary<string, string> state = [];
        using (_switch.Control.Enter())
        {
            Assert.Equal(content.EntryCount, content.Restore(_switch.Control, Written, (_, _) => { }).Restored);
        }
        foreach (((byte table, ulong sequence), string text) in TableContent.Of(_switch.Control))
        {
            state[$"entry {table} {sequence}"] = text.Replace(" Emergency ", " None ", StringComparison.Ordinal);
        }
        foreach (FlowModFlags flags in new[] { FlowModFlags.None, FlowModFlags.Emergency })
        {
            _switch.Control.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any, Flags = flags });
        }
        _switch.Settle();
        foreach ((ushort number, string name) in content.Ports.All)
        {
            state[$"port {number}"] = name;
        }
        if (content.DatapathId is { } id)
        {
            state["datapath id"] = $"{id}";
        }
        return Text(state);
    }

    private static string Text(SortedDictionary<string, string> state) => string.Join('\n', state.Select(one => $"{one.Key}: {one.Value}"));
}
