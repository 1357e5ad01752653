using Microsoft.Win32.SafeHandles;
using Softswitch.Ports.Linux.Files;

namespace Softswitch.Ports.Pcap;

/// <summary>Where a capture is written: a file, which keeps whole records when the disk is full, or a pipe, whose next reader gets a head of its own.</summary>
/// <remarks>Threads: one at a time, but for <see cref="Stop"/>.</remarks>
internal sealed class CaptureTarget : IDisposable
{
    private readonly SafeFileHandle? _file;
    private readonly NamedPipe? _pipe;
    private long _length;
    private bool _hasHead;

    private CaptureTarget(SafeFileHandle? file, NamedPipe? pipe)
    {
        _file = file;
        _pipe = pipe;
    }

    /// <summary>Whether a write may wait for somebody else.</summary>
    public bool MayWait => _pipe != null;

    /// <summary>Bytes of whole records in the file, its head included.</summary>
    public long Length => _length;

    /// <summary>Where the file is by now; empty for a pipe.</summary>
    public string Place => _file == null ? string.Empty : DescriptorPath.Of((int)_file.DangerousGetHandle()) ?? string.Empty;

    /// <param name="path">What a file of that name held is lost.</param>
    /// <exception cref="PortException">The file cannot be made, or nobody reads the pipe.</exception>
    public static CaptureTarget Open(string path) => Open(path, FileMode.Create);

    /// <summary>A file that another process writes: nothing is written to it before <see cref="GoOn"/>.</summary>
    /// <exception cref="PortException">The file cannot be opened.</exception>
    public static CaptureTarget Continue(string path)
    {
        CaptureTarget target = Open(path, FileMode.OpenOrCreate);
        target._hasHead = true;
        return target;
    }

    /// <summary>Goes on behind what the other process wrote. A file that is another one begins anew, as with <see cref="Open(string)"/>.</summary>
    /// <param name="place">The other's <see cref="Place"/>.</param>
    /// <param name="length">The other's <see cref="Length"/>.</param>
    public void GoOn(string place, long length)
    {
        _length = place == Place && length <= RandomAccess.GetLength(_file!) ? length : 0;
        _hasHead = _length > 0;
    }

    private static CaptureTarget Open(string path, FileMode mode)
    {
        try
        {
            NamedPipe? pipe = NamedPipe.Open(path);
            return new CaptureTarget(pipe == null ? File.OpenHandle(path, mode, FileAccess.Write, FileShare.Read) : null, pipe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new PortException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Writes whole records, behind the file's head if that is not there yet. May take as long as the disk or the pipe's reader does.</summary>
    /// <returns>Null, or why they are lost.</returns>
    public string? Write(ReadOnlySpan<byte> records)
    {
        string? failure = null;
        if (!_hasHead)
        {
            CutBack();
            Span<byte> head = stackalloc byte[PcapFormat.FileHeaderLength];
            PcapFormat.WriteFileHead(head);
            failure = WriteBytes(head);
            _hasHead = failure == null;
        }
        failure ??= records.IsEmpty ? null : WriteBytes(records);
        _hasHead &= _pipe == null || failure == null;
        return failure;
    }

    /// <summary>Any thread: a pipe's reader is waited for no longer.</summary>
    public void Stop() => _pipe?.Stop();

    public void Dispose()
    {
        _file?.Dispose();
        _pipe?.Dispose();
    }

    private string? WriteBytes(ReadOnlySpan<byte> bytes)
    {
        if (_pipe != null)
        {
            return _pipe.Write(bytes);
        }
        try
        {
            RandomAccess.Write(_file!, bytes, _length);
            _length += bytes.Length;
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            CutBack();
            return e.Message;
        }
    }

    /// <summary>Nothing but whole records stays in a file.</summary>
    private void CutBack()
    {
        try
        {
            if (_file != null)
            {
                RandomAccess.SetLength(_file, _length);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            // A device has no length to restore.
        }
    }
}
