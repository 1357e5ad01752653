using System.Runtime.InteropServices;
using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.Pcap;

/// <summary>The frames of a capture file, or a list, in one block of memory, each on cache lines of its own.</summary>
/// <remarks>
/// A frame begins at a multiple of <see cref="Alignment"/> and is followed by zeros up to the next: it can be read in
/// whole vectors, and where one ends the next begins, so a pass over all of them is a walk straight through memory.
/// </remarks>
internal sealed unsafe class FrameStore : IDisposable
{
    public const int Alignment = 64;

    private readonly List<int> _lengths = [];
    private byte* _block;
    private nuint _size;
    private nuint _used;

    private FrameStore()
    {
    }

    /// <summary>First frame; <see cref="PaddedLength"/> leads from one to the next.</summary>
    public byte* First => _block;

    public ReadOnlySpan<int> Lengths => CollectionsMarshal.AsSpan(_lengths);

    /// <summary>Bytes of all frames, without padding.</summary>
    public long TotalBytes { get; private set; }

    public long CutFrames { get; private set; }

    public static nuint PaddedLength(int length) => ((nuint)length + (Alignment - 1)) & ~(nuint)(Alignment - 1);

    /// <exception cref="PortException">The file cannot be read, is damaged or holds no frames.</exception>
    public static FrameStore Load(string path)
    {
        var store = new FrameStore();
        try
        {
            using PcapReader reader = PcapReader.Open(path, Packet.MaxLength);
            while (reader.TryRead(out ReadOnlySpan<byte> frame))
            {
                if (frame.Length > 0)
                {
                    store.Add(frame);
                }
            }
            store.CutFrames = reader.CutFrames;
            if (store._lengths.Count == 0)
            {
                throw new PortException($"{path}: at offset {PcapFormat.FileHeaderLength}: the capture holds no frames");
            }
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>Copies frames as they are enumerated: the same memory may be filled anew for each.</summary>
    /// <exception cref="ArgumentException">There are none, or one is empty or longer than <see cref="Packet.MaxLength"/>.</exception>
    public static FrameStore Copy(IEnumerable<ReadOnlyMemory<byte>> frames)
    {
        var store = new FrameStore();
        try
        {
            foreach (ReadOnlyMemory<byte> frame in frames)
            {
                if (frame.Length is 0 or > Packet.MaxLength)
                {
                    throw new ArgumentException($"a frame of {frame.Length} bytes", nameof(frames));
                }
                store.Add(frame.Span);
            }
            return store._lengths.Count > 0 ? store : throw new ArgumentException("no frames", nameof(frames));
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_block);
        _block = null;
    }

    private void Add(ReadOnlySpan<byte> frame)
    {
        nuint padded = PaddedLength(frame.Length);
        if (_used + padded > _size)
        {
            _size = Math.Max(2 * _size, 1 << 20);
            _block = (byte*)NativeMemory.AlignedRealloc(_block, _size, 4096);
        }
        var slot = new Span<byte>(_block + _used, (int)padded);
        frame.CopyTo(slot);
        slot[frame.Length..].Clear();
        _used += padded;
        _lengths.Add(frame.Length);
        TotalBytes += frame.Length;
    }
}
