using System.Numerics;
using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Memory;

/// <summary>A bounded queue between one producing and one consuming thread, which may be the same. Neither ever waits.</summary>
/// <remarks>Each side's cursor has a cache line of its own, with the copy of the other's cursor that the side last saw.</remarks>
internal sealed class SpscRing<T>
    where T : struct
{
    private readonly T[] _items;
    private readonly int _mask;
    private RingCursors _cursors;

    /// <param name="capacity">Rounded up to a power of two.</param>
    public SpscRing(int capacity)
    {
        _items = new T[BitOperations.RoundUpToPowerOf2((uint)capacity)];
        _mask = _items.Length - 1;
    }

    public int Capacity => _items.Length;

    /// <summary>Items ever taken out. Any thread.</summary>
    public long Consumed => Volatile.Read(ref _cursors.Head);

    /// <summary>Items ever put in. Any thread.</summary>
    public long Produced => Volatile.Read(ref _cursors.Tail);

    public bool IsEmpty => Produced == Consumed;

    /// <summary>Producer only: whether the next <see cref="TryEnqueue"/> succeeds.</summary>
    public bool HasRoom()
    {
        if (_cursors.Written - _cursors.HeadSeen > _mask)
        {
            _cursors.HeadSeen = Volatile.Read(ref _cursors.Head);
        }
        return _cursors.Written - _cursors.HeadSeen <= _mask;
    }

    /// <summary>Producer only. False when full: the item stays with the caller.</summary>
    public bool TryEnqueue(in T item)
    {
        bool written = TryWrite(item);
        Publish();
        return written;
    }

    /// <summary>Producer only: the same of an item that the consumer sees from the next <see cref="Publish"/> on.</summary>
    public bool TryWrite(in T item)
    {
        long written = _cursors.Written;
        if (written - _cursors.HeadSeen > _mask)
        {
            _cursors.HeadSeen = Volatile.Read(ref _cursors.Head);
            if (written - _cursors.HeadSeen > _mask)
            {
                return false;
            }
        }
        _items[written & _mask] = item;
        _cursors.Written = written + 1;
        return true;
    }

    /// <summary>Producer only: a prefix of the items, as far as there is room.</summary>
    /// <returns>Its length; the rest stays with the caller.</returns>
    public int Enqueue(ReadOnlySpan<T> items)
    {
        long written = _cursors.Written;
        if (written + items.Length - _cursors.HeadSeen > _items.Length)
        {
            _cursors.HeadSeen = Volatile.Read(ref _cursors.Head);
        }
        int count = Math.Min(items.Length, _items.Length - (int)(written - _cursors.HeadSeen));
        for (int i = 0; i < count; i++)
        {
            _items[(written + i) & _mask] = items[i];
        }
        _cursors.Written = written + count;
        Publish();
        return count;
    }

    /// <summary>Producer only: once for several items, as the consumer's processor has to fetch the line anew after each time.</summary>
    public void Publish() => Volatile.Write(ref _cursors.Tail, _cursors.Written);

    /// <summary>Items that can be taken out. Any thread; the consumer finds at least as many.</summary>
    public int ReadyCount => (int)(Produced - Consumed);

    /// <summary>Consumer only.</summary>
    public bool TryDequeue(out T item)
    {
        if (!TryPeek(out item))
        {
            return false;
        }
        Advance();
        return true;
    }

    /// <summary>Consumer only: the next items, as far as they lie side by side; they stay in the queue. Empty if there are none.</summary>
    /// <param name="most">How many at most.</param>
    public ReadOnlySpan<T> Peek(int most)
    {
        long head = _cursors.Head;
        if (head == _cursors.TailSeen)
        {
            _cursors.TailSeen = Volatile.Read(ref _cursors.Tail);
        }
        int offset = (int)(head & _mask);
        return _items.AsSpan(offset, Math.Min(Math.Min((int)(_cursors.TailSeen - head), most), _items.Length - offset));
    }

    /// <summary>Consumer only: the next item, which stays in the queue.</summary>
    public bool TryPeek(out T item)
    {
        long head = _cursors.Head;
        if (head == _cursors.TailSeen)
        {
            _cursors.TailSeen = Volatile.Read(ref _cursors.Tail);
            if (head == _cursors.TailSeen)
            {
                item = default;
                return false;
            }
        }
        item = _items[head & _mask];
        return true;
    }

    /// <summary>Consumer only: what is in the queue, in order; it stays.</summary>
    public T[] ReadAll()
    {
        T[] all = new T[ReadyCount];
        for (int i = 0; i < all.Length; i++)
        {
            all[i] = _items[(_cursors.Head + i) & _mask];
        }
        return all;
    }

    /// <summary>Consumer only: items that were peeked at leave the queue.</summary>
    public void Advance(int count = 1) => Volatile.Write(ref _cursors.Head, _cursors.Head + count);
}

/// <summary>The two sides' cursors of a ring, 128 bytes apart: two cache lines, because adjacent ones are fetched in pairs.</summary>
[StructLayout(LayoutKind.Explicit, Size = 384)]
internal struct RingCursors
{
    [FieldOffset(128)]
    public long Tail;

    [FieldOffset(136)]
    public long HeadSeen;

    /// <summary>Where the producer is, beyond what it has published.</summary>
    [FieldOffset(144)]
    public long Written;

    [FieldOffset(256)]
    public long Head;

    [FieldOffset(264)]
    public long TailSeen;

    /// <summary>Where the consumer is, beyond what it has given back.</summary>
    [FieldOffset(272)]
    public long Read;
}
