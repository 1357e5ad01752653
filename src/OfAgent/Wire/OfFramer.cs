using System.Buffers.Binary;
using Microsoft.Extensions.ObjectPool;

namespace Softswitch.OfAgent.Wire;

/// <summary>What <see cref="OfFramer.TryRead"/> found.</summary>
internal enum FramingResult
{
    /// <summary>A whole message.</summary>
    Message,

    /// <summary>Only part of a message is there yet.</summary>
    Incomplete,

    /// <summary>A length below that of a header: where the next message starts is unknown, the connection cannot go on.</summary>
    BadLength,
}

/// <summary>Cuts a byte stream into messages: several in a read, or one over several reads.</summary>
/// <remarks>
/// <code>
/// loop: read into Free(), Advance(n), then TryRead until it no longer says Message
/// </code>
/// Threads: one at a time. It holds exactly the longest message there can be, so a peer cannot make it grow.
/// </remarks>
internal sealed class OfFramer
{
    private readonly byte[] _bytes = new byte[OfHeader.MaxMessageLength + 1];
    private int _start;
    private int _end;

    /// <summary>Framers for connections; return them when the connection is over.</summary>
    public static ObjectPool<OfFramer> Pool { get; } = new DefaultObjectPoolProvider().Create(new PoolPolicy());

    /// <summary>Bytes received that belong to no message handed out yet.</summary>
    public int Pending => _end - _start;

    /// <summary>The bytes of <see cref="Pending"/>; valid until the next <see cref="Free"/>.</summary>
    public ReadOnlySpan<byte> PendingBytes => _bytes.AsSpan(_start, Pending);

    /// <summary>Room to receive into; never empty once <see cref="TryRead"/> has said Incomplete. Invalidates messages handed out.</summary>
    public Memory<byte> Free()
    {
        if (_start > 0)
        {
            _bytes.AsSpan(_start, Pending).CopyTo(_bytes);
            _end -= _start;
            _start = 0;
        }
        return _bytes.AsMemory(_end);
    }

    /// <summary>Says that <paramref name="count"/> bytes were received into <see cref="Free"/>.</summary>
    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(_bytes.Length - _end));
        _end += count;
    }

    /// <param name="message">Header and body, exactly as long as its length field says; valid until the next <see cref="Free"/>.</param>
    public FramingResult TryRead(out ReadOnlySpan<byte> message)
    {
        message = default;
        ReadOnlySpan<byte> pending = PendingBytes;
        if (pending.Length < OfHeader.Size)
        {
            return FramingResult.Incomplete;
        }
        int length = BinaryPrimitives.ReadUInt16BigEndian(pending[2..]);
        if (length < OfHeader.Size)
        {
            return FramingResult.BadLength;
        }
        if (length > pending.Length)
        {
            return FramingResult.Incomplete;
        }
        message = pending[..length];
        _start += length;
        return FramingResult.Message;
    }

    public void Reset()
    {
        _start = 0;
        _end = 0;
    }

    private sealed class PoolPolicy : PooledObjectPolicy<OfFramer>
    {
        public override OfFramer Create() => new();

        public override bool Return(OfFramer obj)
        {
            obj.Reset();
            return true;
        }
    }
}
