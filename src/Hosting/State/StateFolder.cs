using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Reports;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Files;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.State;

/// <summary>The folder of <c>--state</c>: one switch's at a time, and what it was left with.</summary>
internal sealed class StateFolder : IDisposable
{
    private ExclusiveLock? _lock;

    private StateFolder(string path)
    {
        Path = path;
        JournalPath = System.IO.Path.Combine(path, "flows.journal");
        NewPath = JournalPath + ".new";
    }

    public string Path { get; }

    public string JournalPath { get; }

    /// <summary>Where the next journal is written, until it takes the other's place.</summary>
    public string NewPath { get; }

    private string DamagedPath => JournalPath + ".damaged";

    /// <summary>What the journal says; null if there is none.</summary>
    public JournalContent? Content { get; private set; }

    /// <summary>Numbers of ports as they were, and as they come.</summary>
    public PortMemory Ports { get; private set; } = new();

    /// <summary>Opens a folder, made if it is not there, and reads its journal.</summary>
    /// <exception cref="OptionException">It cannot be had, or written, or holds what only another version can read.</exception>
    public static StateFolder Open(string path, ILogger log)
    {
        StateFolder folder = new(path);
        try
        {
            Directory.CreateDirectory(path);
            folder._lock = ExclusiveLock.Take(path, $"--state: '{path}'");
            folder.CheckWritable();
            folder.Read(log);
            return folder;
        }
        catch (PortException e)
        {
            folder.Dispose();
            throw new OptionException(e.Message, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            folder.Dispose();
            throw new OptionException($"--state: '{path}': {e.Message}", e);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>The options with what the folder remembers where they leave it open: the datapath id, and numbers of ports that name none.</summary>
    public SwitchOptions Complete(SwitchOptions options)
    {
        Dictionary<ushort, PortOption> owners = options.Ports.Where(port => !port.IsNumberChosen).ToDictionary(port => port.Number);
        List<PortOption> ports = [.. options.Ports];
        Dictionary<ushort, ushort> moved = [];
        foreach (bool isRemembered in new[] { true, false })
        {
            for (int i = 0; i < ports.Count; i++)
            {
                string name = NameOf(ports[i].Spec);
                ushort number = Ports.TryFind(name, out ushort known) ? known : (ushort)0;
                if (ports[i].IsNumberChosen && !owners.ContainsValue(ports[i]) && (number != 0 && !owners.ContainsKey(number)) == isRemembered)
                {
                    number = isRemembered ? number : PortNumber.Lowest(free => !owners.ContainsKey(free) && !Ports.IsAnothers(free, name))
                        ?? PortNumber.Lowest(free => !owners.ContainsKey(free))!.Value;
                    moved[ports[i].Number] = number;
                    ports[i] = ports[i] with { Number = number };
                    owners.Add(number, ports[i]);
                }
            }
        }
        return options with
        {
            DatapathId = options.DatapathId ?? Content?.DatapathId,
            Ports = ports,
            Queues = [.. options.Queues.Select(queue => queue with { Port = moved.GetValueOrDefault(queue.Port, queue.Port) })],
        };
    }

    /// <summary>The flows are known better than by the journal, which is to be written anew.</summary>
    public void ForgetFlows() => Content = null;

    /// <summary>What a port is remembered by: the interface it is asked for by, or all that was asked for.</summary>
    public static string NameOf(PortSpec spec) => spec.Target.Length > 0 ? spec.Target : spec.Body;

    /// <summary>Locks the folder that has come in the place of one that was removed or moved.</summary>
    /// <remarks>None is made: whoever removed it may have meant to.</remarks>
    /// <exception cref="IOException">There is none, or it is another process's.</exception>
    public void Regain()
    {
        if (_lock is { IsInPlace: true })
        {
            return;
        }
        Dispose();
        try
        {
            _lock = ExclusiveLock.Take(Path, "the folder");
        }
        catch (PortException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>Makes room: what was begun there is of no use.</summary>
    public void DeleteNew()
    {
        try
        {
            File.Delete(NewPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // it is overwritten by the next
        }
    }

    public void Dispose()
    {
        _lock?.Dispose();
        _lock = null;
    }

    /// <summary>A disk that is full now may have room later; a folder that cannot be written at all is a mistake.</summary>
    private void CheckWritable()
    {
        try
        {
            DeleteNew(); // a pipe of that name would have us wait for its reader
            JournalFile.Create(NewPath).Dispose();
            File.Delete(NewPath);
        }
        catch (IOException e) when (e.HResult is Errno.ENOSPC or Errno.EDQUOT)
        {
            // said when it is written
        }
    }

    private void Read(ILogger log)
    {
        if (!File.Exists(JournalPath))
        {
            return;
        }
        if (NamedPipe.IsAt(JournalPath))
        {
            throw new OptionException($"--state: '{JournalPath}' is a pipe, not a file; move it away");
        }
        JournalContent content = JournalContent.Read(JournalPath);
        if (content.IsOfAnotherVersion)
        {
            throw new OptionException($"--state: '{JournalPath}' is of another version of softswitch; move it away to begin without its flows");
        }
        if (!content.IsReadable)
        {
            File.Move(JournalPath, DamagedPath, overwrite: true);
            HostLog.Warn(log, $"state: {JournalPath}: damaged from its first bytes on: begins without flows, and is kept as {DamagedPath}");
            return;
        }
        if (content.HasRecordsBeyond)
        {
            HostLog.Warn(
                log,
                $"state: {JournalPath}: damaged at {content.Length} of {content.FileLength} bytes: flows are as they were there. At least "
                + $"{Quantity.Of(content.LostEntryCount, "flow")} added or changed later went; {KeepDamaged()}");
        }
        else if (content.Length < content.FileLength)
        {
            HostLog.Warn(log, $"state: {JournalPath}: cut off at {content.Length} of {content.FileLength} bytes: what follows is not what was written");
        }
        Content = content;
        Ports = content.Ports;
    }

    /// <summary>A disk that has no room for it keeps no switch from starting.</summary>
    private string KeepDamaged()
    {
        try
        {
            File.Copy(JournalPath, DamagedPath, overwrite: true);
            return $"the file is kept as {DamagedPath}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"the file cannot be kept: {e.Message}";
        }
    }
}
