using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Reports;
using Softswitch.Ports.Linux.Files;

namespace Softswitch.Hosting.State;

/// <summary>Keeps the flow tables in a file that the next start reads: tables as they once were, and each change since then.</summary>
/// <remarks>
/// <para>
/// Changes are laid into a queue under the control lock; a thread of its own writes them. Nobody ever waits for the disk: when the queue is full the journal is
/// behind, takes in nothing more, and goes on with a fresh file of the whole tables when the disk can. So it does when it cannot be written, and, to
/// get rid of what is long past, when it has outgrown the tables.
/// </para>
/// <para>
/// What the file holds is at each moment the tables as they were some time before. A fresh file is written beside the old one, which goes on meanwhile, and takes
/// its place when it is whole and on the disk. Threads: any, where nothing else is said.
/// </para>
/// </remarks>
internal sealed class StateJournal : IDisposable
{
    // Of changes that wait for the disk: more than 200,000 short ones.
    internal const int QueueSize = 32 << 20;

    // Of what is past beyond the tables themselves.
    private const int Slack = 4 << 20;

    // A walk over a table keeps other flow-mods waiting for as many entries, or bytes: about a millisecond.
    private const int SliceLength = 2048;
    private const int SliceBytes = 1 << 20;

    private const string TooMuch = "more changes came than the disk took";

    // What comes within this time is written at once.
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(5);

    private static readonly TimeSpan SyncInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ClockInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(5);

    private readonly DatapathControl _control;
    private readonly StateFolder _folder;
    private readonly StateClock _clock;
    private readonly ILogger _log;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _stop = new();
    private readonly JournalBuffer _slice = new(int.MaxValue);
    private JournalFile? _file;
    private long _rewriteBeyond;
    private long _unsyncedSince = long.MaxValue;
    private long _nextRewrite;
    private long _nextLook;
    private TimeSpan _pause = FirstPause;
    private long _wallOffset;
    private bool _endsWhole = true;

    // Under the control lock: its memory is about to go.
    private bool _isAbandoned;

    // Written by the thread, read by any.
    private volatile StateReport _report;

    private StateJournal(DatapathControl control, StateFolder folder, StateClock clock, ILogger log)
    {
        (_control, _folder, _clock, _log) = (control, folder, clock, log);
        Queue = new JournalQueue(clock, folder.Ports, QueueSize);
        _report = new StateReport(folder.Path, false, null, 0, 0, true, null);
        _thread = new Thread(Run) { Name = "state", IsBackground = true };
    }

    /// <summary>What is to be written, and what is known of ports.</summary>
    public JournalQueue Queue { get; }

    /// <summary>Restores what the folder holds, and takes in what becomes of it; nothing is written before <see cref="Start"/>.</summary>
    /// <param name="control">New: its tables are empty.</param>
    /// <param name="folder">The journal's from now on.</param>
    /// <param name="say">Takes a line of what was restored.</param>
    /// <exception cref="OptionException">The journal cannot be read or written.</exception>
    public static StateJournal Begin(DatapathControl control, StateFolder folder, StateClock clock, Action<string> say, ILogger log)
    {
        StateJournal journal = new(control, folder, clock, log);
        try
        {
            journal.Restore(say);
            return journal;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            journal.Dispose();
            throw new OptionException($"--state: '{folder.JournalPath}': {e.Message}", e);
        }
    }

    /// <summary>Writes from now on. The switch has all it was to have, so that a start in vain leaves the file as it was.</summary>
    public void Start()
    {
        if (!Queue.IsOpen)
        {
            GiveFileUp(); // more flows to begin with than can wait: all are written whole at once
        }
        _thread.Start();
    }

    public StateReport Read() => _report with { WaitingBytes = Queue.Length };

    /// <summary>Writes what there is, and lets go of the folder. The workers have ended, so that counters are final.</summary>
    public void Dispose()
    {
        bool wasStarted = _thread.ThreadState != (ThreadState.Unstarted | ThreadState.Background);
        _stop.Set();
        Queue.Wake();
        bool hasEnded = !wasStarted || _thread.Join(EndPatience);
        using (_control.Enter())
        {
            _isAbandoned = true;
            _control.Flows.Observer = null;
        }
        if (!hasEnded)
        {
            HostLog.Warn(_log, $"state: {_folder.Path}: the disk is too slow for the end to be waited for: the latest changes may be missing");
            return;
        }
        _file?.Dispose();
        _folder.Dispose();
        Queue.Dispose();
        _stop.Dispose();
    }

    /// <summary>Another process has the tables now: what has been written is left to it as it is.</summary>
    public void HandOver() => _endsWhole = false;

    private void Restore(Action<string> say)
    {
        using ControlScope scope = _control.Enter();
        if (_folder.Content is not { } content)
        {
            _control.Flows.Observer = Queue;
            say($"state: {_folder.Path}: new");
            return;
        }
        ClockReading now = _clock.Read();
        _wallOffset = now.WallOffset;
        List<(byte TableId, ulong Sequence)> gone = [];
        RestoreCount count = content.Restore(_control, now, (tableId, sequence) => gone.Add((tableId, sequence)));
        _control.Flows.Observer = Queue;
        _file = JournalFile.Continue(_folder.JournalPath, content.Length, content.Checksum);
        _rewriteBeyond = (2 * content.LiveBytes) + Slack;
        Queue.Open(new JournalBuffer(int.MaxValue)); // the file has the ports
        Queue.NoteClock(now);
        Queue.NoteDatapathId(_control.DatapathId);
        gone.ForEach(entry => Queue.Remove(entry.TableId, entry.Sequence));
        string timedOut = count.TimedOut == 0 ? "" : $", {count.TimedOut} timed out meanwhile";
        say($"state: {_folder.Path}: {Quantity.Of(count.Restored, "flow")} restored{timedOut}");
        if (count.Refused > 0)
        {
            HostLog.Warn(_log, $"state: {_folder.Path}: {Quantity.Of(count.Refused, "flow")} cannot be restored: {count.FirstError} (the first one)");
        }
    }

    private void Run()
    {
        for (bool isLast = false; !isLast;)
        {
            isLast = _stop.IsSet;
            try
            {
                Turn(isLast);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                FallBehind(e.Message);
            }
            if (!isLast && Queue.Wait(TimeToNext()))
            {
                _stop.Wait(Gathering);
            }
        }
    }

    private void Turn(bool isLast)
    {
        NoteClock();
        CheckPlace();
        if (_file != null)
        {
            Append(Queue.Take(out bool hasOverflowed), fresh: null);
            if (hasOverflowed)
            {
                throw new IOException(TooMuch);
            }
        }
        long now = _clock.Monotonic;
        if (isLast ? _endsWhole : (_file == null || _file.Length > _rewriteBeyond) && now >= _nextRewrite)
        {
            Rewrite();
        }
        if (_file != null && (isLast || now - _unsyncedSince >= SyncInterval.Ticks))
        {
            _file.Sync();
            NoteSynced(_file);
        }
    }

    private TimeSpan TimeToNext()
    {
        long next = _file == null ? _nextRewrite : _unsyncedSince == long.MaxValue ? long.MaxValue : _unsyncedSince + SyncInterval.Ticks;
        return TimeSpan.FromTicks(Math.Clamp(next - _clock.Monotonic, 0, ClockInterval.Ticks));
    }

    /// <summary>Whoever removes or moves folder or file leaves us with one that the next start does not find.</summary>
    private void CheckPlace()
    {
        long now = _clock.Monotonic;
        if (_file == null || now < _nextLook)
        {
            return;
        }
        _nextLook = now + SyncInterval.Ticks;
        if (!_file.IsInPlace)
        {
            throw new IOException("the folder or the journal in it was removed or moved");
        }
    }

    /// <summary>The wall clock was set: what is in the file is to be understood by the time that is right now.</summary>
    private void NoteClock()
    {
        ClockReading now = _clock.Read();
        if (Math.Abs(now.WallOffset - _wallOffset) > TimeSpan.TicksPerSecond)
        {
            _wallOffset = now.WallOffset;
            Queue.NoteClock(now);
        }
    }

    private void Append(JournalBuffer records, JournalFile? fresh)
    {
        if (records.Length == 0)
        {
            return;
        }
        try
        {
            _file?.Append(records.Bytes);
        }
        catch (IOException)
        {
            GiveFileUp(); // not for the fresh one to be to blame
            throw;
        }
        if (_file != null)
        {
            _unsyncedSince = Math.Min(_unsyncedSince, _clock.Monotonic);
            _report = _report with { Bytes = _file.Length, IsSynced = false };
        }
        fresh?.Append(records.Bytes);
        Queue.NoteWritten();
    }

    /// <summary>Writes a file of the whole tables and puts it in the old one's place, which goes on until then.</summary>
    private void Rewrite()
    {
        _nextRewrite = _clock.Monotonic + _pause.Ticks;
        _pause = TimeSpan.FromTicks(Math.Min(2 * _pause.Ticks, LongestPause.Ticks));
        _folder.Regain();
        JournalFile? fresh = null;
        try
        {
            fresh = JournalFile.Create(_folder.NewPath);
            if (!WriteWhole(fresh))
            {
                GiveFileUp();
                throw new IOException(TooMuch);
            }
            fresh.Sync();
            File.Move(_folder.NewPath, _folder.JournalPath, overwrite: true);
            fresh.NotePlace();
            FolderSync.Flush(_folder.Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            fresh?.Dispose();
            _folder.DeleteNew();
            if (_file == null)
            {
                throw;
            }
            HostLog.Warn(_log, $"state: {_folder.Path}: the journal cannot be made smaller, and goes on as it is: {e.Message}");
            _rewriteBeyond = 2 * _file.Length;
            return;
        }
        _file?.Dispose();
        _file = fresh;
        _rewriteBeyond = (2 * fresh.Length) + Slack;
        (_nextRewrite, _pause) = (0, FirstPause);
        NoteSynced(fresh);
        SetTrouble(null);
    }

    /// <returns>Whether all is there: not if the switch has ended, or too much came meanwhile.</returns>
    private bool WriteWhole(JournalFile fresh)
    {
        _slice.Clear();
        _slice.Clock(_clock.Read());
        _slice.DatapathId(_control.DatapathId);
        Queue.Open(_slice);
        TableSnapshot tables = new(_control);
        for (bool hasMore = true; hasMore;)
        {
            fresh.Append(_slice.Bytes);
            _slice.Clear();
            JournalBuffer before;
            bool hasOverflowed;
            using (_control.Enter())
            {
                before = Queue.Take(out hasOverflowed);
                if (_isAbandoned)
                {
                    return false;
                }
                hasMore = ReadSlice(tables);
            }
            Append(before, fresh); // older than the slice
            if (hasOverflowed)
            {
                return false;
            }
        }
        fresh.Append(_slice.Bytes);
        Append(Queue.Take(out bool hasOverflowedLast), fresh);
        return !hasOverflowedLast;
    }

    /// <returns>Whether there is more.</returns>
    private bool ReadSlice(TableSnapshot tables)
    {
        long stamp = _clock.Monotonic;
        for (int i = 0; i < SliceLength && _slice.Length < SliceBytes; i++)
        {
            if (!tables.Next(out FlowStatistics entry))
            {
                return false;
            }
            _slice.Put(stamp, entry);
        }
        return true;
    }

    private void FallBehind(string reason)
    {
        GiveFileUp();
        Queue.Close();
        _nextRewrite = Math.Max(_nextRewrite, _clock.Monotonic + FirstPause.Ticks);
        SetTrouble(reason);
    }

    /// <summary>Its end may be torn: the next start reads it up to there.</summary>
    private void GiveFileUp()
    {
        _file?.Dispose();
        _file = null;
        _unsyncedSince = long.MaxValue;
    }

    private void SetTrouble(string? trouble)
    {
        bool wasBehind = _report.IsBehind;
        _report = _report with { IsBehind = trouble != null, Reason = trouble };
        if (!wasBehind && trouble != null)
        {
            HostLog.Warn(_log, $"state: {_folder.Path}: behind: {trouble}; flows change all the same, and are written whole when that is over");
        }
        else if (wasBehind && trouble == null)
        {
            HostLog.News(_log, $"state: {_folder.Path}: in step again");
        }
    }

    private void NoteSynced(JournalFile file)
    {
        _unsyncedSince = long.MaxValue;
        _report = _report with { Bytes = file.Length, IsSynced = true, SyncedAt = DateTimeOffset.UtcNow };
    }
}
