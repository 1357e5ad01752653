using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Memory;

namespace Softswitch.Ports.VhostUser;

/// <summary>The memory of one front-end, mapped: where guest-physical and front-end addresses are in ours.</summary>
/// <remarks>
/// Threads: changed with all rings of the front-end held (<see cref="GuestRings"/>), read by a holder of any ring. Each region is checked: regions that
/// overlap or are not in their file are refused, and no access goes beyond its region.
/// </remarks>
internal sealed unsafe class GuestMemory : IDisposable
{
    /// <summary>Regions at once: VHOST_USER_GET_MAX_MEM_SLOTS.</summary>
    public const int MaxRegions = 64;

    private Mapping[] _regions = []; // by guest address

    /// <summary>One region and its mapping.</summary>
    private sealed record Mapping(GuestRegion Region, SharedFile File);

    public int Count => _regions.Length;

    /// <summary>The first guest-physical address behind all regions.</summary>
    public ulong End => _regions.Length == 0 ? 0 : _regions[^1].Region.GuestAddress + _regions[^1].Region.Size;

    /// <summary>Whether a region's file was cut short, and the guest's bytes are lost.</summary>
    public bool IsTorn => Array.Exists(_regions, mapping => mapping.File.IsTorn);

    /// <summary>Replaces all regions. It takes the descriptors, and closes them at once or at the end, also if it fails.</summary>
    /// <param name="why">The reason if the result is false; there is no region then.</param>
    public bool TrySet(ReadOnlySpan<GuestRegion> regions, out string why)
    {
        Clear();
        why = string.Empty;
        bool isGood = true;
        foreach (GuestRegion region in regions)
        {
            if (!isGood)
            {
                _ = Libc.close(region.Descriptor);
            }
            else if (!TryAdd(region, out why))
            {
                isGood = false;
                Clear();
            }
        }
        return isGood;
    }

    /// <summary>Adds a region. A region that is there already is accepted: QEMU before 8.0 sends each once for every queue pair.</summary>
    /// <param name="why">The reason if the result is false; everything is as before then, and the descriptor closed.</param>
    public bool TryAdd(in GuestRegion region, out string why)
    {
        GuestRegion wanted = region;
        if (Array.Exists(_regions, mapping => mapping.Region with { Descriptor = wanted.Descriptor } == wanted))
        {
            _ = Libc.close(region.Descriptor);
            why = string.Empty;
            return true;
        }
        if (!TryPlace(region, out why))
        {
            _ = Libc.close(region.Descriptor);
            return false;
        }
        if (!SharedFile.TryMap(region.Descriptor, region.Size, region.MmapOffset, out SharedFile? file, out why))
        {
            why = $"the memory region at 0x{region.GuestAddress:x}: {why}";
            return false;
        }
        _regions = [.. _regions.Append(new Mapping(region, file!)).OrderBy(mapping => mapping.Region.GuestAddress)];
        return true;
    }

    /// <summary>Removes a region. One that is not there was removed before, for another queue pair.</summary>
    /// <param name="region">Found by its addresses and size; its descriptor is not looked at.</param>
    public void Remove(in GuestRegion region)
    {
        GuestRegion wanted = region;
        int at = Array.FindIndex(
            _regions,
            mapping => mapping.Region with { Descriptor = 0, MmapOffset = 0 } == wanted with { Descriptor = 0, MmapOffset = 0 });
        if (at >= 0)
        {
            _regions[at].File.Dispose();
            _regions = [.. _regions[..at], .. _regions[(at + 1)..]];
        }
    }

    public void Clear()
    {
        foreach (Mapping mapping in _regions)
        {
            mapping.File.Dispose();
        }
        _regions = [];
    }

    /// <summary>The region that holds a guest-physical address.</summary>
    public bool TryFind(ulong guestAddress, out GuestWindow window)
    {
        int first = 0;
        for (int end = _regions.Length; first < end;)
        {
            int middle = (first + end) / 2;
            Mapping mapping = _regions[middle];
            if (guestAddress < mapping.Region.GuestAddress)
            {
                end = middle;
            }
            else if (guestAddress - mapping.Region.GuestAddress < mapping.Region.Size)
            {
                window = new GuestWindow(mapping.Region.GuestAddress, mapping.Region.Size, mapping.File.Start);
                return true;
            }
            else
            {
                first = middle + 1;
            }
        }
        window = default;
        return false;
    }

    /// <summary>Translates an address of the front-end.</summary>
    /// <returns>Null if the bytes do not lie in one region.</returns>
    public byte* OfUser(ulong userAddress, ulong bytes)
    {
        foreach (Mapping mapping in _regions)
        {
            ulong offset = userAddress - mapping.Region.UserAddress;
            if (offset < mapping.Region.Size && bytes <= mapping.Region.Size - offset)
            {
                return mapping.File.Start + offset;
            }
        }
        return null;
    }

    public void Dispose() => Clear();

    private bool TryPlace(in GuestRegion region, out string why)
    {
        (ulong start, ulong size) = (region.GuestAddress, region.Size);
        if (size == 0 || start + size < start || region.UserAddress + size < region.UserAddress)
        {
            why = $"a memory region of 0x{size:x} bytes at 0x{start:x}";
        }
        else if (_regions.Length == MaxRegions)
        {
            why = $"more than {MaxRegions} memory regions";
        }
        else if (Array.Find(_regions, mapping => Overlap(mapping.Region.GuestAddress, mapping.Region.Size, start, size)) is { } other)
        {
            why = $"memory regions at 0x{start:x} and 0x{other.Region.GuestAddress:x} overlap";
        }
        else
        {
            why = string.Empty;
            return true;
        }
        return false;
    }

    private static bool Overlap(ulong start, ulong size, ulong otherStart, ulong otherSize) => start < otherStart + otherSize && otherStart < start + size;
}

/// <summary>A piece of guest-physical memory and where it is.</summary>
/// <param name="guestAddress">Of its first byte.</param>
/// <param name="size">Bytes.</param>
/// <param name="start">Where its first byte is.</param>
internal readonly unsafe struct GuestWindow(ulong guestAddress, ulong size, byte* start)
{
    public ulong GuestAddress { get; } = guestAddress;

    public ulong Size { get; } = size;

    public byte* Start { get; } = start;
}

/// <summary>One piece of a guest's memory as its front-end describes it.</summary>
/// <param name="GuestAddress">Guest-physical: what descriptors say.</param>
/// <param name="Size">Bytes.</param>
/// <param name="UserAddress">In the front-end's address space: what ring addresses say.</param>
/// <param name="MmapOffset">Where it begins in the file.</param>
/// <param name="Descriptor">The file. The memory closes it, also when it refuses the region.</param>
internal readonly record struct GuestRegion(ulong GuestAddress, ulong Size, ulong UserAddress, ulong MmapOffset, int Descriptor);
