using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Softswitch.Ports.Linux.Files;

namespace Softswitch.Hosting.State;

/// <summary>A file of records that only grows.</summary>
/// <remarks>
/// <code>
/// 0        8         10        12  16         24    28         32
/// | "softsw" 0 1 | version | entries | 0 | identity | 0 | checksum | records ...
/// </code>
/// The header's checksum is of what precedes it. A record's is of all that precedes it in the file, by way of the checksum before it, and of its own length and
/// contents: a record of another file, or of another place in this one, is none, whatever a disk gave back after a power cut.
/// Threads: one at a time.
/// </remarks>
internal sealed class JournalFile : IDisposable
{
    public const int HeaderSize = 32;

    /// <summary>Of the layout of records; <see cref="FlowEntryCodec.Version"/> is that of the entries in them.</summary>
    public const ushort Version = 1;

    private const int ChecksumOffset = 28;

    private readonly SafeFileHandle _handle;
    private uint _checksum;
    private string? _place;

    private JournalFile(SafeFileHandle handle, long length, uint checksum)
    {
        (_handle, Length, _checksum) = (handle, length, checksum);
        NotePlace();
    }

    private static ReadOnlySpan<byte> Magic => "softsw\0\x1"u8;

    public long Length { get; private set; }

    /// <summary>Whether the file has the name yet that it had when it was opened, or at the last <see cref="NotePlace"/>.</summary>
    public bool IsInPlace => DescriptorPath.Of((int)_handle.DangerousGetHandle()) == _place;

    /// <summary>The file was given another name.</summary>
    public void NotePlace() => _place = DescriptorPath.Of((int)_handle.DangerousGetHandle());

    /// <summary>An empty file in the place of whatever is there.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">As above.</exception>
    public static JournalFile Create(string path)
    {
        SafeFileHandle handle = File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.Read);
        try
        {
            byte[] header = new byte[HeaderSize];
            Magic.CopyTo(header);
            BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), Version);
            BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(10), FlowEntryCodec.Version);
            RandomNumberGenerator.Fill(header.AsSpan(16, 8));
            uint checksum = Crc32C.Append(Crc32C.Start, header.AsSpan(0, ChecksumOffset));
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(ChecksumOffset), checksum);
            RandomAccess.Write(handle, header, 0);
            return new JournalFile(handle, HeaderSize, checksum);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Goes on behind what was read of a file; what is beyond is cut off.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">As above.</exception>
    public static JournalFile Continue(string path, long length, uint checksum)
    {
        SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.Read);
        try
        {
            if (RandomAccess.GetLength(handle) != length)
            {
                RandomAccess.SetLength(handle, length);
            }
            return new JournalFile(handle, length, checksum);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Whether the bytes are a file's header; its checksum.</summary>
    /// <param name="isOfThisVersion">Whether what follows can be read.</param>
    public static bool TryReadHeader(ReadOnlySpan<byte> header, out bool isOfThisVersion, out uint checksum)
    {
        isOfThisVersion = false;
        checksum = 0;
        if (header.Length < HeaderSize || !header.StartsWith(Magic))
        {
            return false;
        }
        checksum = Crc32C.Append(Crc32C.Start, header[..ChecksumOffset]);
        isOfThisVersion = BinaryPrimitives.ReadUInt16LittleEndian(header[8..]) == Version && BinaryPrimitives.ReadUInt16LittleEndian(header[10..]) == FlowEntryCodec.Version;
        return BinaryPrimitives.ReadUInt32LittleEndian(header[ChecksumOffset..]) == checksum;
    }

    /// <summary>The checksum of a record.</summary>
    /// <param name="before">That of the record before it, or of the header.</param>
    /// <param name="record">From its head to its end.</param>
    public static uint ChecksumOf(uint before, ReadOnlySpan<byte> record) =>
        Crc32C.Append(Crc32C.Append(before, record[..sizeof(uint)]), record[JournalBuffer.HeadSize..]);

    /// <summary>Writes records behind those there are. They are the system's to keep when this returns, whatever becomes of the process.</summary>
    /// <param name="records">Their checksums are filled in.</param>
    /// <exception cref="IOException">Not all of them could be written: nothing can be appended any more.</exception>
    public void Append(Span<byte> records)
    {
        for (Span<byte> rest = records; rest.Length > 0;)
        {
            int size = JournalBuffer.HeadSize + BinaryPrimitives.ReadInt32LittleEndian(rest);
            _checksum = ChecksumOf(_checksum, rest[..size]);
            BinaryPrimitives.WriteUInt32LittleEndian(rest[sizeof(uint)..], _checksum);
            rest = rest[size..];
        }
        RandomAccess.Write(_handle, records, Length);
        Length += records.Length;
    }

    /// <summary>Returns when what was appended would outlast a power cut.</summary>
    /// <exception cref="IOException">The disk says no.</exception>
    public void Sync() => RandomAccess.FlushToDisk(_handle);

    public void Dispose() => _handle.Dispose();
}
