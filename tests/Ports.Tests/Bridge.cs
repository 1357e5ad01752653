using System.Buffers.Binary;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Ports.Tests;

/// <summary>A wire between two ports, run by a thread of its own: what one receives the other sends, changed on the way if asked.</summary>
internal sealed class Bridge : IDisposable
{
    /// <summary>Changes a packet before it is sent on.</summary>
    internal delegate void Change(ref Packet packet, FrameCache frames);

    private readonly IPortDevice _left;
    private readonly IPortDevice _right;
    private readonly FramePool _pool;
    private readonly EpollWaiter _waiter = new();
    private readonly Thread _thread;
    private readonly Change? _toRight;
    private readonly Change? _toLeft;
    private volatile bool _stop;
    private long _packets;
    private long _notTaken;
    private long _partial;
    private int _longest;

    public Bridge(IPortDevice left, IPortDevice right, FramePool pool, Change? toRight = null, Change? toLeft = null)
    {
        _left = left;
        _right = right;
        _pool = pool;
        _toRight = toRight;
        _toLeft = toLeft;
        _thread = new Thread(Run);
        _thread.Start();
    }

    public long Packets => Volatile.Read(ref _packets);

    /// <summary>Packets a full port did not take.</summary>
    public long NotTaken => Volatile.Read(ref _notTaken);

    /// <summary>Packets that came with a partial checksum.</summary>
    public long PartialChecksum => Volatile.Read(ref _partial);

    /// <summary>Bytes of the longest packet so far.</summary>
    public int Longest => Volatile.Read(ref _longest);

    public static void PushTag(ref Packet packet, FrameCache frames)
    {
        OffloadState offload = frames.Offload(packet);
        packet.MoveStart(-4);
        packet.Bytes.Slice(4, 12).CopyTo(packet.Bytes);
        BinaryPrimitives.WriteUInt32BigEndian(packet.Bytes[12..], 0x8100_a007);
        offload.ChecksumStart += 4;
        offload.HeaderLength += 4;
        frames.Offload(packet) = offload;
    }

    public static void PopTag(ref Packet packet, FrameCache frames)
    {
        Assert.Equal(0x8100_a007u, BinaryPrimitives.ReadUInt32BigEndian(packet.Bytes[12..]));
        OffloadState offload = frames.Offload(packet);
        packet.Bytes[..12].CopyTo(packet.Bytes[4..]);
        packet.MoveStart(4);
        offload.ChecksumStart -= 4;
        offload.HeaderLength -= 4;
        frames.Offload(packet) = offload;
    }

    public void Dispose()
    {
        _stop = true;
        _waiter.Wake();
        _thread.Join();
        _waiter.Dispose();
    }

    private void Run()
    {
        ProcessorAffinity.TrySet(ProcessorAffinity.Read().AsSpan(0, 1)); // as it is for whoever sends by it in order
        FrameCache frames = _pool.CreateCache();
        var batch = new PacketBatch();
        int[] ready = new int[2];
        _waiter.Watch(_left.Queues[0].PollDescriptor, slot: 0);
        _waiter.Watch(_right.Queues[0].PollDescriptor, slot: 1);
        while (!_stop)
        {
            int moved = Move(_left, _right, _toRight, batch, frames) + Move(_right, _left, _toLeft, batch, frames);
            if (moved == 0)
            {
                _waiter.Wait(1000, ready);
            }
        }
        frames.Drain();
    }

    private int Move(IPortDevice from, IPortDevice to, Change? change, PacketBatch batch, FrameCache frames)
    {
        int received = from.Queues[0].Receive(batch, frames);
        foreach (ref Packet packet in batch.Packets)
        {
            _longest = Math.Max(_longest, packet.Length);
            change?.Invoke(ref packet, frames);
            if (packet.HasOffload)
            {
                _partial++;
                Assert.True(to.Takes(frames.Offload(packet)) || ChecksumFinisher.TryFinish(ref packet, frames));
            }
        }
        int taken = to.Queues[0].Transmit(batch.Packets, frames);
        frames.Release(batch.Packets[taken..]);
        _notTaken += received - taken;
        _packets += received;
        batch.Clear();
        return received;
    }
}
