using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Control;

/// <summary>
/// Packet-outs on their way to the worker that sends them all: from buffers or as bytes, with actions compiled. Threads: under the
/// control lock.
/// </summary>
internal sealed class PacketOutSender(
    Worker worker, WorkerShared shared, FrameCache frames, BufferedPackets buffers, SwitchAccounts accounts)
{
    // How many milliseconds the control lock is held while the queue is full, or has to be emptied.
    private const int QueuePatience = 2;

    // What packet-outs that wait may cost in all, but for one that costs more by itself. What costs little does not count.
    private const int MostCost = PacketCost.Most;

    private readonly PacketOutQueue _queue = worker.PacketOuts;

    private ref PacketAccount Account => ref accounts.Of(OwnAccount.Controller).Ingress;

    public ControlError Send(ushort inPort, ReadOnlySpan<FlowAction> actions, ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            return ControlError.None;
        }
        if (data.Length < FlowKeyParser.MinLength || !frames.TryRent(data.Length, out Packet packet))
        {
            Account.Entered++;
            Account.CountDrops(data.Length < FlowKeyParser.MinLength ? DropReason.Runt : DropReason.NoFrame);
            return ControlError.None;
        }
        packet.Length = data.Length;
        data.CopyTo(packet.Bytes);
        Enqueue(packet, inPort, actions);
        return ControlError.None;
    }

    /// <param name="inPort">Null: the port the packet came in on.</param>
    public ControlError SendBuffered(uint bufferId, ushort? inPort, ReadOnlySpan<FlowAction> actions)
    {
        ControlError error = buffers.TryTake(bufferId, out Packet packet, out ushort receivedOn);
        if (error == ControlError.None)
        {
            Enqueue(packet, inPort ?? receivedOn, actions);
        }
        return error;
    }

    /// <summary>Whether the packet-outs from before a barrier are sent, or their worker has stopped.</summary>
    public bool TryFinish(ref BarrierProgress progress)
    {
        if (progress.Stage == BarrierStage.Begin)
        {
            progress.Stage = BarrierStage.PacketOuts;
            progress.Target = _queue.Added;
            progress.Done = -1;
        }
        if (_queue.WaitFor(progress.Target, QueuePatience))
        {
            return true;
        }
        return !progress.IsWaiting(_queue.Done);
    }

    /// <summary>Takes back the actions of packets that are sent.</summary>
    public void Reclaim() => _queue.Reclaim(shared.Lists);

    private void Enqueue(in Packet packet, ushort inPort, ReadOnlySpan<FlowAction> actions)
    {
        Account.Entered++;
        Account.EnteredBytes += (uint)packet.Length;
        Reclaim();
        if (!shared.Lists.TryCompileForPacketOut(actions, out ActionsReference compiled))
        {
            // The lists of those before it go with them.
            _queue.WaitFor(_queue.Added, QueuePatience);
            Reclaim();
            if (!shared.Lists.TryCompileForPacketOut(actions, out compiled))
            {
                frames.Drop(packet, DropReason.PacketOutQueueFull, ref Account);
                return;
            }
        }
        int ports = shared.Ports.Ports.Length;
        int cost = PacketCost.Of(compiled, packet, frames, ports, ports);
        cost = cost > PacketCost.Plain ? cost : 0;
        if (!_queue.TryAdd(packet, inPort, compiled, cost, MostCost))
        {
            _queue.WaitForRoom(QueuePatience);
            Reclaim();
            if (!_queue.TryAdd(packet, inPort, compiled, cost, MostCost))
            {
                shared.Lists.Return(compiled);
                frames.Drop(packet, DropReason.PacketOutQueueFull, ref Account);
                return;
            }
        }
        Account.Handed++;
        worker.Wake();
    }
}
