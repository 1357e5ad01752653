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

    /// <summary>The file; null for a pipe.</summary>
    public int? Descriptor => _file == null ? null : (int)_file.DangerousGetHandle();

    /// <summary>Bytes of whole records in the file, its head included.</summary>
    public long Length => _length;

    /// <summary>Another process's file, which has a head; nothing is written before <see cref="GoOn"/>.</summary>
    public static CaptureTarget Of(int file) => new(new SafeFileHandle(file, ownsHandle: true), null) { _hasHead = true };

    /// <summary>Goes on behind so many bytes.</summary>
    public void GoOn(long length) => (_length, _hasHead) = (length, length > 0);

    /// <param name="path">What a file of that name held is lost.</param>
    /// <exception cref="PortException">The file cannot be made, or nobody reads the pipe.</exception>
    public static CaptureTarget Open(string path)
    {
        try
        {
            NamedPipe? pipe = NamedPipe.Open(path);
            return new CaptureTarget(pipe == null ? File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.Read) : null, pipe);
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
            Span<byte> head = stackalloc byte[PcapFormat.FileHeaderLength];
            PcapFormat.WriteFileHead(head);
            failure = WriteBytes(head);
        }
        failure ??= records.IsEmpty ? null : WriteBytes(records);
        _hasHead = _pipe != null ? failure == null : _length > 0;
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

    private void CutBack()
    {
        try
        {
            RandomAccess.SetLength(_file!, _length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            // A device has no length to restore.
        }
    }
}
