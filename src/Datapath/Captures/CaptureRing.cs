using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Captures;

/// <summary>Captured packets on their way from one worker to the thread that writes the capture. Bounded; neither side waits.</summary>
/// <remarks>
/// A packet that finds no room is lost to the capture, and counted. Threads: adding and <see cref="Publish"/> by the worker; peeking, advancing
/// and <see cref="Release"/> by the reader; <see cref="Lost"/> by any.
/// </remarks>
internal sealed unsafe class CaptureRing : IDisposable
{
    private const int Alignment = 8;

    private readonly NativeArray<byte> _bytes;
    private readonly NativeArray<long> _lost = new(ushort.MaxValue + 1); // backed where it is touched: by ports that lose
    private readonly int _mask;
    private RingCursors _cursors;

    /// <param name="capacity">In bytes; a power of two that holds the longest packet.</param>
    public CaptureRing(int capacity)
    {
        _bytes = new NativeArray<byte>(capacity);
        _mask = capacity - 1;
    }

    /// <summary>Packets of this port that found no room.</summary>
    public long Lost(ushort port) => Volatile.Read(ref _lost.Start[port]);

    /// <summary>Makes room for a packet, which the reader sees from the next <see cref="Publish"/> on.</summary>
    /// <param name="captured">Bytes that are to follow the record.</param>
    /// <returns>To be filled in, but for its step; null, counted as lost, if there is no room.</returns>
    public CaptureRecord* TryAdd(ushort port, int captured)
    {
        int size = (CaptureRecord.Size + captured + Alignment - 1) & -Alignment;
        int offset = (int)(_cursors.Written & _mask);
        int left = _bytes.Length - offset;
        int skipped = left < size ? left : 0;
        if (!HasRoom(skipped + size))
        {
            ref long lost = ref _lost.Start[port];
            Volatile.Write(ref lost, lost + 1);
            return null;
        }
        byte* place = _bytes.Start + offset;
        if (skipped > 0)
        {
            *(long*)place = skipped; // no point, no port
            place = _bytes.Start;
        }
        _cursors.Written += skipped + size;
        ((CaptureRecord*)place)->Step = size;
        return (CaptureRecord*)place;
    }

    /// <summary>Takes back what is not published yet of this call, from <paramref name="index"/> on.</summary>
    public void TakeBack(int call, int index)
    {
        for (long at = _cursors.Tail; at < _cursors.Written;)
        {
            CaptureRecord* record = At(at);
            int step = record->Step;
            if (record->Point == CapturePoints.Sent && record->Call == call && record->Index >= index)
            {
                record->Point = CapturePoints.None;
            }
            at += step;
        }
    }

    public void Publish()
    {
        if (_cursors.Tail != _cursors.Written)
        {
            Volatile.Write(ref _cursors.Tail, _cursors.Written);
        }
    }

    /// <summary>The next packet, until <see cref="Release"/>; null if there is none.</summary>
    /// <remarks>Its bytes begin behind it.</remarks>
    public CaptureRecord* Peek()
    {
        while (true)
        {
            if (_cursors.Read == _cursors.TailSeen)
            {
                _cursors.TailSeen = Volatile.Read(ref _cursors.Tail);
                if (_cursors.Read == _cursors.TailSeen)
                {
                    return null;
                }
            }
            CaptureRecord* record = At(_cursors.Read);
            if (record->Point != CapturePoints.None)
            {
                return record;
            }
            _cursors.Read += record->Step;
        }
    }

    /// <summary>Goes on to the packet behind the one peeked at.</summary>
    public void Advance() => _cursors.Read += At(_cursors.Read)->Step;

    /// <summary>Gives back the room of everything before the next packet.</summary>
    public void Release() => Volatile.Write(ref _cursors.Head, _cursors.Read);

    /// <summary>No worker writes any more.</summary>
    public void Dispose()
    {
        _bytes.Dispose();
        _lost.Dispose();
    }

    private CaptureRecord* At(long position) => (CaptureRecord*)(_bytes.Start + (position & _mask));

    private bool HasRoom(int size)
    {
        if (_cursors.Written + size - _cursors.HeadSeen > _bytes.Length)
        {
            _cursors.HeadSeen = Volatile.Read(ref _cursors.Head);
        }
        return _cursors.Written + size - _cursors.HeadSeen <= _bytes.Length;
    }
}
