using System.Runtime.InteropServices;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Packets of one port and kind on their way to the control side, in order. No thread waits for it.</summary>
/// <remarks>
/// An array for each queue would have to be as long as the longest burst. So packets are linked through their own frames, and a queue
/// takes no memory of its own. Workers push onto a stack. The control side takes the whole stack at once and reverses it. It never takes
/// single packets from the stack, so an address that is pushed again does no harm.
/// Threads: any worker puts packets in; the control side takes them out, under the control lock.
/// </remarks>
internal sealed unsafe class PacketInQueue(PacketInRoom room)
{
    private nint _newest; // the packet put in last; each packet points to the one put in before it
    private nint _oldest; // the packet taken next; each packet points to the one taken after it
    private int _held;

    /// <summary>Whether there is nothing to take. Any thread.</summary>
    public bool IsEmpty => Volatile.Read(ref _newest) == 0 && Volatile.Read(ref _oldest) == 0;

    /// <summary>Any thread: whether one more may wait here.</summary>
    public bool HasRoom => room.Admits(Volatile.Read(ref _held));

    /// <summary>A worker, which has seen that there is room: the packet is the queue's.</summary>
    public void Enqueue(in QueuedPacketIn item)
    {
        QueuedFrame* frame = room.FrameOf(item.Packet);
        frame->Item = item;
        Hold(room.WeightOf(item.Packet));
        nint below = Volatile.Read(ref _newest);
        nint seen;
        do
        {
            seen = below;
            frame->Next = seen;
            below = Interlocked.CompareExchange(ref _newest, (nint)frame, seen);
        }
        while (below != seen);
    }

    /// <summary>Control side: the packet is the caller's.</summary>
    public bool TryDequeue(out QueuedPacketIn item)
    {
        if (_oldest == 0 && Volatile.Read(ref _newest) != 0)
        {
            TurnOver();
        }
        QueuedFrame* frame = (QueuedFrame*)_oldest;
        item = default;
        if (frame == null)
        {
            return false;
        }
        item = frame->Item;
        Volatile.Write(ref _oldest, frame->Next);
        Hold(-room.WeightOf(item.Packet));
        return true;
    }

    /// <summary>Control side, while no worker runs: what is in the queue, in order; it stays.</summary>
    public List<QueuedPacketIn> ReadAll()
    {
        List<QueuedPacketIn> all = ReadFrom(_newest);
        all.Reverse();
        all.InsertRange(0, ReadFrom(_oldest));
        return all;
    }

    private static List<QueuedPacketIn> ReadFrom(nint first)
    {
        List<QueuedPacketIn> items = [];
        for (QueuedFrame* frame = (QueuedFrame*)first; frame != null; frame = (QueuedFrame*)frame->Next)
        {
            items.Add(frame->Item);
        }
        return items;
    }

    private void TurnOver()
    {
        nint next = 0;
        for (nint frame = Interlocked.Exchange(ref _newest, 0); frame != 0;)
        {
            nint before = ((QueuedFrame*)frame)->Next;
            ((QueuedFrame*)frame)->Next = next;
            next = frame;
            frame = before;
        }
        Volatile.Write(ref _oldest, next);
    }

    private void Hold(int frames)
    {
        Interlocked.Add(ref _held, frames);
        room.Add(frames);
    }
}

internal readonly record struct QueuedPacketIn(Packet Packet, ushort InPort, PacketInReason Reason, ushort MaxLength);

/// <summary>The note in the frame of a packet that waits in a <see cref="PacketInQueue"/>: at most <see cref="FramePool.NoteSize"/> bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct QueuedFrame
{
    public QueuedPacketIn Item;

    /// <summary>Address of another such; 0 for none.</summary>
    public nint Next;
}
