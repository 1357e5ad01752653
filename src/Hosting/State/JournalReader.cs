using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Softswitch.Hosting.State;

/// <summary>Reads a file's records from its start, up to the first that is not what was written. Bytes never throw.</summary>
internal sealed class JournalReader : IDisposable
{
    private const int ChunkSize = 1 << 20; // longer than any record

    private readonly SafeFileHandle _handle;
    private readonly byte[] _chunk;
    private long _chunkStart;
    private int _chunkLength;

    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">As above.</exception>
    public JournalReader(string path)
    {
        _handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, FileOptions.SequentialScan);
        FileLength = RandomAccess.GetLength(_handle);
        _chunk = new byte[Math.Min(FileLength, ChunkSize)];
        HasHeader = JournalFile.TryReadHeader(View(0, JournalFile.HeaderSize), out bool isReadable, out uint checksum);
        IsOfThisVersion = HasHeader && isReadable;
        Position = JournalFile.HeaderSize;
        Checksum = checksum;
    }

    public long FileLength { get; }

    /// <summary>Whether it is a file of this kind at all, whatever its version.</summary>
    public bool HasHeader { get; }

    public bool IsOfThisVersion { get; }

    /// <summary>Behind the last record that was read.</summary>
    public long Position { get; private set; }

    /// <summary>Of the last record that was read.</summary>
    public uint Checksum { get; private set; }

    /// <summary>The next record's contents, its kind first; false at the end, or where the file is damaged: before <see cref="FileLength"/>.</summary>
    /// <param name="body">Valid until the next call.</param>
    /// <param name="isKnown">Whether its checksum was found right before.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    public bool TryRead(out ReadOnlySpan<byte> body, bool isKnown = false)
    {
        body = default;
        if (!IsOfThisVersion || !TryReadHead(Position, out int size, out uint checksum))
        {
            return false;
        }
        ReadOnlySpan<byte> record = View(Position, size);
        if (record.Length < size)
        {
            return false;
        }
        if (!isKnown && checksum != JournalFile.ChecksumOf(Checksum, record))
        {
            return false;
        }
        Checksum = checksum;
        Position += record.Length;
        body = record[JournalBuffer.HeadSize..];
        return true;
    }

    /// <summary>Goes behind damage: to the next record whose checksum goes on from the one that stands before it in the file.</summary>
    /// <returns>False if there is none.</returns>
    public bool TrySkipDamage()
    {
        for (long position = Position; IsOfThisVersion && position + (2 * JournalBuffer.HeadSize) < FileLength; position++)
        {
            if (TryReadHead(position, out int size, out uint checksum) && TryReadHead(position + size, out int next, out uint expected)
                && View(position + size, next) is var record && record.Length == next
                && JournalFile.ChecksumOf(checksum, record) == expected)
            {
                (Position, Checksum) = (position + size, checksum);
                return true;
            }
        }
        return false;
    }

    public void Dispose() => _handle.Dispose();

    /// <returns>Whether what stands there could be the head of a record.</returns>
    private bool TryReadHead(long position, out int size, out uint checksum)
    {
        (size, checksum) = (0, 0);
        ReadOnlySpan<byte> head = View(position, JournalBuffer.HeadSize);
        if (head.Length < JournalBuffer.HeadSize
            || BinaryPrimitives.ReadUInt32LittleEndian(head) is not (> 0 and <= JournalBuffer.MaxBodySize and var length))
        {
            return false;
        }
        (size, checksum) = (JournalBuffer.HeadSize + (int)length, BinaryPrimitives.ReadUInt32LittleEndian(head[sizeof(uint)..]));
        return true;
    }

    /// <summary>So many bytes of the file, or as many as there are.</summary>
    private ReadOnlySpan<byte> View(long position, int length)
    {
        if (position < _chunkStart || position + length > _chunkStart + _chunkLength)
        {
            _chunkStart = position;
            _chunkLength = 0;
            int read;
            while (_chunkLength < _chunk.Length && (read = RandomAccess.Read(_handle, _chunk.AsSpan(_chunkLength), position + _chunkLength)) > 0)
            {
                _chunkLength += read;
            }
        }
        int offset = (int)(position - _chunkStart);
        return _chunk.AsSpan(offset, Math.Min(length, _chunkLength - offset));
    }
}
