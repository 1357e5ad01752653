using System.Buffers;
using System.Globalization;
using System.Text;

namespace Softswitch.Lab.Machines;

/// <summary>Writes the archive from which Linux fills its first file system: "newc" of cpio(5), Documentation/driver-api/early-userspace/buffer-format.rst.</summary>
/// <remarks>Every header is 110 characters: a magic number and 13 numbers of 8 hexadecimal digits. Names and contents are padded to 4 bytes.</remarks>
internal sealed class CpioArchive
{
    private const uint Folder = 0x4000 | 0x1ed;
    private const uint RegularFile = 0x8000 | 0x1a4;
    private const uint Executable = 0x8000 | 0x1ed;
    private const uint SymbolicLink = 0xa000 | 0x1ff;

    private readonly ArrayBufferWriter<byte> _bytes = new();
    private readonly HashSet<string> _names = [];

    /// <summary>Adds a file, with the folders it is in. A name that is there already is left as it is.</summary>
    /// <param name="name">From the root, without the first slash.</param>
    public void AddFile(string name, ReadOnlySpan<byte> content, bool isExecutable = false) => Add(name, isExecutable ? Executable : RegularFile, content);

    /// <summary>As <see cref="AddFile"/>: a link to <paramref name="target"/>.</summary>
    public void AddLink(string name, string target) => Add(name, SymbolicLink, Encoding.UTF8.GetBytes(target));

    /// <summary>Adds a folder, with those it is in.</summary>
    public void AddFolder(string name) => Add(name, Folder, default);

    /// <summary>Closes the archive.</summary>
    public ReadOnlySpan<byte> Finish()
    {
        Write("TRAILER!!!", 0, default);
        return _bytes.WrittenSpan;
    }

    private void Add(string name, uint mode, ReadOnlySpan<byte> content)
    {
        if (!_names.Add(name))
        {
            return;
        }
        if (name.LastIndexOf('/') is > 0 and int slash)
        {
            AddFolder(name[..slash]);
        }
        Write(name, mode, content);
    }

    private void Write(string name, uint mode, ReadOnlySpan<byte> content)
    {
        // Numbers in order: inode, mode, user, group, links, time, size, device and its minor, special device and its minor, name's length, checksum.
        uint[] numbers = [(uint)_names.Count, mode, 0, 0, 1, 0, (uint)content.Length, 0, 0, 0, 0, (uint)Encoding.UTF8.GetByteCount(name) + 1, 0];
        _bytes.Write("070701"u8);
        foreach (uint number in numbers)
        {
            _bytes.Write(Encoding.ASCII.GetBytes(number.ToString("x8", CultureInfo.InvariantCulture)));
        }
        _bytes.Write(Encoding.UTF8.GetBytes(name));
        _bytes.Write("\0"u8);
        Pad();
        _bytes.Write(content);
        Pad();
    }

    private void Pad()
    {
        while (_bytes.WrittenCount % 4 != 0)
        {
            _bytes.Write("\0"u8);
        }
    }
}
