using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Control;

/// <summary>
/// Packet-ins on their way from the workers' queues to the agent, each with its buffer. Threads: under the control lock, but for <see
/// cref="HasWaiting"/> and <see cref="IsPaused"/>.
/// </summary>
internal sealed class PacketInDelivery(
    DatapathOptions options, WorkerShared shared, FrameCache frames, BufferedPackets buffers, SwitchAccounts accounts)
{
    // Packet-ins delivered while the control lock is held once: well below a millisecond.
    private const int PacketInSlice = 256;

    // Milliseconds between two looks whether packet-ins are still held back.
    private const int HeldPause = 10;

    private readonly PacketInScheduler _scheduler = new(shared, options.PacketInRate, options.PacketInBurst);
    private volatile bool _isPaused;
    private bool _isHeld;

    private ref PacketAccount Account => ref accounts.Of(OwnAccount.Controller).Egress;

    /// <summary>As <see cref="PacketInScheduler.Limit"/>; what has come up since the last delivery counts by the limit before.</summary>
    public void Limit(int rate, int burst)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rate);
        _scheduler.Refill();
        _scheduler.Limit(rate, burst);
        shared.Service.RaiseAlways(); // those that wait may go earlier now
    }

    /// <summary>Receiver of packet-ins.</summary>
    public IControlEvents? Events { get; set; }

    /// <summary>Packet-ins given to <see cref="Events"/>.</summary>
    public long Delivered { get; set; }

    /// <summary>Whether packet-ins are held back in their queues, as far as there is room: a controller is about to connect.</summary>
    public bool IsHeld
    {
        get => _isHeld;
        set
        {
            _isHeld = value;
            shared.Service.RaiseAlways();
        }
    }

    /// <summary>As <see cref="PacketInScheduler.HasWaiting"/>.</summary>
    public bool HasWaiting => _scheduler.HasWaiting;

    /// <summary>Whether some wait that must not go yet.</summary>
    public bool IsPaused => _isPaused;

    /// <summary>Gives back what waits in the queues of a port that is gone.</summary>
    public void Discard(PacketInQueues queues)
    {
        foreach (PacketInQueue queue in queues.All)
        {
            while (queue.TryDequeue(out QueuedPacketIn item))
            {
                Account.Taken++;
                frames.Drop(item.Packet, DropReason.NoSuchPort, ref Account);
            }
        }
    }

    /// <summary>Delivers some of what waits.</summary>
    /// <returns>As <see cref="PacketInScheduler.Pause"/>.</returns>
    public int Deliver()
    {
        if (IsHeld)
        {
            _isPaused = true; // there is work, and it must wait
            return HeldPause;
        }
        _scheduler.Refill();
        for (int i = 0; i < PacketInSlice && _scheduler.TryTake(out QueuedPacketIn item); i++)
        {
            Deliver(item);
        }
        int pause = _scheduler.Pause();
        _isPaused = pause >= 0;
        return pause;
    }

    private void Deliver(in QueuedPacketIn item)
    {
        Account.Taken++;
        if (item.Reason == PacketInReason.NoMatch && shared.Settings.HasSpanningTree && !Forwards(item.InPort))
        {
            frames.Drop(item.Packet, DropReason.SpanningTree, ref Account); // it waited while the tree changed
            return;
        }
        if (Events == null)
        {
            frames.Drop(item.Packet, DropReason.Miss, ref Account);
            return;
        }
        Delivered++;
        Packet packet = item.Packet;
        Account.Left++;
        Account.LeftBytes += (uint)packet.Length;
        // The frame's bytes stay where they are while it waits in its buffer, at least until the next is added.
        bool isBuffered = buffers.Capacity > 0;
        Events.OnPacketIn(new PacketIn
        {
            BufferId = isBuffered ? buffers.Add(packet, item.InPort) : FlowMod.NoBuffer,
            InPort = item.InPort,
            Reason = item.Reason,
            MaxLength = item.MaxLength,
            Data = packet.Bytes,
        });
        if (!isBuffered)
        {
            frames.Release(packet);
        }
    }

    // A packet-out through the table may have named a port that there is not.
    private bool Forwards(ushort inPort) =>
        shared.Ports.Find(inPort) is not SwitchPort port || (port.BridgeFlags & BridgePortFlags.Forwards) != 0;
}
