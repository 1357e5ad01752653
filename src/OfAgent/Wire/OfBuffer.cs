using System.Buffers.Binary;
using Microsoft.Extensions.ObjectPool;

namespace Softswitch.OfAgent.Wire;

/// <summary>Memory that messages are appended to before they go out in one write.</summary>
/// <remarks>
/// Threads: one at a time. It grows by doubling and keeps its size until it goes back to <see cref="Pool"/>. The code that appends
/// bounds the size.
/// </remarks>
internal sealed class OfBuffer
{
    /// <summary>Bytes a new buffer has.</summary>
    public const int InitialSize = 4096;

    /// <summary>Buffers that grew beyond this are left to the collector, not to the pool: one long table dump must not stay in memory for ever.</summary>
    public const int LargestPooledSize = 1 << 18;

    private byte[] _bytes = new byte[InitialSize];

    /// <summary>Buffers for temporary use; return them when done.</summary>
    public static ObjectPool<OfBuffer> Pool { get; } = new DefaultObjectPoolProvider().Create(new PoolPolicy());

    /// <summary>Bytes written since the last <see cref="Reset"/>.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes of memory it holds.</summary>
    public int Size => _bytes.Length;

    /// <summary>The messages written; valid until the next write.</summary>
    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    /// <summary>As <see cref="Written"/>, for streams.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _bytes.AsMemory(0, Length);

    /// <summary>Forgets what was written; the memory stays.</summary>
    public void Reset() => Length = 0;

    /// <summary>Adds <paramref name="count"/> zero bytes.</summary>
    /// <returns>Those bytes; valid until the next write.</returns>
    public Span<byte> Append(int count)
    {
        int end = checked(Length + count);
        if (end > _bytes.Length)
        {
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(end, 2L * _bytes.Length)));
        }
        Span<byte> added = _bytes.AsSpan(Length, count);
        added.Clear();
        Length = end;
        return added;
    }

    /// <summary>Adds bytes that are messages already.</summary>
    public void Append(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Append(bytes.Length));

    /// <summary>Starts a message whose length is known.</summary>
    /// <param name="length">Bytes of the whole message.</param>
    /// <returns>A writer of the body.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The message would be longer than the length field can say.</exception>
    public OfWriter Message(OfType type, uint xid, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, OfHeader.MaxMessageLength);
        OfWriter writer = new(Append(length));
        writer.UInt8(OfHeader.Version10);
        writer.UInt8((byte)type);
        writer.UInt16((ushort)length);
        writer.UInt32(xid);
        return writer;
    }

    /// <summary>Sets the length field of the message that starts at <paramref name="start"/> and ends where the buffer ends.</summary>
    internal void PatchLength(int start)
    {
        int length = Length - start;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, OfHeader.MaxMessageLength);
        BinaryPrimitives.WriteUInt16BigEndian(_bytes.AsSpan(start + 2), (ushort)length);
    }

    /// <summary>Sets a 16-bit field written earlier.</summary>
    internal void PatchUInt16(int offset, ushort value) => BinaryPrimitives.WriteUInt16BigEndian(_bytes.AsSpan(offset, 2), value);

    /// <summary>Takes back what was written from <paramref name="length"/> on.</summary>
    internal void Truncate(int length) => Length = length;

    private sealed class PoolPolicy : PooledObjectPolicy<OfBuffer>
    {
        public override OfBuffer Create() => new();

        public override bool Return(OfBuffer obj)
        {
            obj.Reset();
            return obj._bytes.Length <= LargestPooledSize;
        }
    }
}
