using Softswitch.Ports.Linux;
using Softswitch.Ports.VhostUser;
using Xunit;

namespace Softswitch.Testing;

/// <summary>A made-up guest's memory: a file for each region, as a front-end shares them.</summary>
internal sealed unsafe class GuestRam : IDisposable
{
    /// <summary>A front-end's addresses are guest-physical ones and this: never ours, and never the guest's.</summary>
    public const ulong UserBase = 0x5000_0000_0000;

    private readonly Piece[] _pieces;

    /// <param name="regions">Guest-physical address and bytes, a multiple of a page, of each.</param>
    public GuestRam(params (ulong Address, ulong Bytes)[] regions)
    {
        _pieces = [.. regions.Select(region => new Piece(region.Address, SharedFileOf(region.Bytes), region.Bytes))];
        Next = regions[0].Address;
    }

    private sealed class Piece(ulong address, int file, ulong bytes)
    {
        public ulong Address { get; } = address;

        public int File { get; } = file;

        public ulong Bytes { get; } = bytes;

        public byte* Start { get; } = (byte*)Libc.mmap(null, (nuint)bytes, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, file, 0);
    }

    /// <summary>Where the next <see cref="Allocate"/> looks; may be set.</summary>
    public ulong Next { get; set; }

    /// <summary>For VHOST_USER_SET_MEM_TABLE: with descriptors of their own.</summary>
    public GuestRegion[] Regions() =>
        [.. _pieces.Select(piece => new GuestRegion(piece.Address, piece.Bytes, UserBase + piece.Address, 0, Duplicate(piece.File)))];

    /// <summary>The file of a region, still the memory's.</summary>
    public int FileOf(int region) => _pieces[region].File;

    /// <summary>Where a guest-physical address is.</summary>
    public byte* At(ulong address)
    {
        _ = Straight(address, 1, out byte* start);
        return start;
    }

    /// <summary>Copies, across regions that are neighbours.</summary>
    public void Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int part = Straight(address, bytes.Length, out byte* start);
            bytes[..part].CopyTo(new Span<byte>(start, part));
            bytes = bytes[part..];
            address += (ulong)part;
        }
    }

    public byte[] Read(ulong address, int length)
    {
        byte[] bytes = new byte[length];
        for (int done = 0; done < length;)
        {
            int part = Straight(address + (ulong)done, length - done, out byte* start);
            new ReadOnlySpan<byte>(start, part).CopyTo(bytes.AsSpan(done));
            done += part;
        }
        return bytes;
    }

    /// <summary>Memory nobody uses yet.</summary>
    public ulong Allocate(ulong bytes, ulong alignment = 16)
    {
        ulong address = (Next + alignment - 1) / alignment * alignment;
        Next = address + bytes;
        return address;
    }

    /// <summary>Everything as it is now, region by region.</summary>
    public byte[][] Snapshot() => [.. _pieces.Select(piece => new ReadOnlySpan<byte>(piece.Start, (int)piece.Bytes).ToArray())];

    public void Dispose()
    {
        foreach (Piece piece in _pieces)
        {
            _ = Libc.munmap(piece.Start, (nuint)piece.Bytes);
            _ = Libc.close(piece.File);
        }
    }

    public static int Duplicate(int descriptor) => Libc.fcntl(descriptor, Libc.F_DUPFD_CLOEXEC, 0);

    /// <returns>How many of the bytes lie in the region of the first.</returns>
    private int Straight(ulong address, int bytes, out byte* start)
    {
        foreach (Piece piece in _pieces)
        {
            ulong inside = address - piece.Address;
            if (inside < piece.Bytes)
            {
                start = piece.Start + inside;
                return (int)Math.Min((ulong)bytes, piece.Bytes - inside);
            }
        }
        throw new ArgumentOutOfRangeException(nameof(address), address, "not in the guest's memory");
    }

    /// <summary>An unsealed file, which whoever has it may cut short.</summary>
    private static int SharedFileOf(ulong bytes)
    {
        const uint MFD_CLOEXEC = 1;
        int file = Libc.memfd_create("guest", MFD_CLOEXEC);
        Assert.True(file >= 0 && Libc.ftruncate(file, (long)bytes) == 0);
        return file;
    }
}
