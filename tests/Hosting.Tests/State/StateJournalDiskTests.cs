using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.State;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.State;

/// <summary>A switch's journal on a disk that fills up or cannot be written.</summary>
public sealed class StateJournalDiskTests : JournalFolder
{
    [Fact, Trait("Ring", "peers")]
    public void On_a_full_disk_flows_go_on_and_all_are_written_when_there_is_room()
    {
        Needs.Root();
        Mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", Folder);
        try
        {
            SortedDictionary<(byte, ulong), string> before;
            using (TestSwitch sut = new())
            {
                using StateJournal journal = Begin(sut.Control);
                journal.Start();
                Eventually.True(() => journal.Queue.IsOpen && File.Exists(JournalPath), "the first file is written"); // beside its place, until it is whole
                AddFlows(sut, 100);
                Eventually.True(() => CountWritten() == 100, "they are written");
                Fill(Path.Combine(Folder, "others"));
                AddFlows(sut, 1000);
                Clock.Advance(TimeSpan.FromSeconds(1));
                Eventually.True(() => journal.Read().IsBehind, "the disk is full");
                Assert.Contains("space", journal.Read().Reason, StringComparison.OrdinalIgnoreCase);
                AddFlows(sut, 1200);
                Assert.InRange(CountWritten(), 100, 1000); // as it once was
                File.Delete(Path.Combine(Folder, "others"));
                Eventually.True(() => Later(() => !journal.Read().IsBehind), "it is in step again");
                before = TableContent.Of(sut.Control);
            }
            Assert.Equal(1200, before.Count);
            Assert.Single(Lines, line => line.Contains("behind: ", StringComparison.Ordinal));
            Assert.Single(Lines, line => line.Contains("in step again", StringComparison.Ordinal));
            using TestSwitch next = new();
            using StateJournal again = Begin(next.Control);
            Assert.Equal(before, TableContent.Of(next.Control));
        }
        finally
        {
            Run("umount", "-l", Folder);
        }

        // What the file holds by now: a record that left the queue is not in it yet.
        int CountWritten()
        {
            using TestSwitch meanwhile = new();
            string copy = Directory.CreateTempSubdirectory("softswitch-copy-").FullName;
            File.Copy(JournalPath, Path.Combine(copy, "flows.journal"));
            Begin(meanwhile.Control, copy).Dispose();
            Directory.Delete(copy, recursive: true);
            return meanwhile.Flows().Count;
        }
    }

    [Fact, Trait("Ring", "peers")]
    public void A_folder_that_cannot_be_written_is_refused_and_one_that_becomes_so_is_said()
    {
        Needs.Root();
        Mount("-t", "tmpfs", "-o", "size=256k,ro", "tmpfs", Folder);
        try
        {
            OptionException refusal = Assert.Throws<OptionException>(() => StateFolder.Open(Folder, Log));
            Assert.Contains($"--state: '{Folder}'", refusal.Message, StringComparison.Ordinal);
            Assert.Contains("Read-only", refusal.Message, StringComparison.Ordinal);
            Run("mount", "-o", "remount,rw", Folder);
            using TestSwitch sut = new();
            using StateJournal journal = Begin(sut.Control);
            Run("mount", "-o", "remount,ro", Folder); // before the first file is there
            journal.Start();
            Eventually.True(() => journal.Read().IsBehind, "it cannot be written");
            AddFlows(sut, 10);
            Run("mount", "-o", "remount,rw", Folder);
            Eventually.True(() => Later(() => !journal.Read().IsBehind), "it is in step again");
        }
        finally
        {
            Run("umount", "-l", Folder);
        }
    }

    private static void Fill(string path)
    {
        using FileStream file = new(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            for (byte[] page = new byte[4096]; ;)
            {
                file.Write(page);
            }
        }
        catch (IOException)
        {
            // full
        }
    }

    private static void Mount(params string[] arguments) => Run("mount", arguments);
}
