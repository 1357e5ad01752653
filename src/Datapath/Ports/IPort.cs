using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Ports;

/// <summary>One switch port as one worker sees it: a receive and a transmit queue.</summary>
/// <remarks>
/// Threads: an instance belongs to one worker; calls never overlap. Neither call blocks or throws: a device that went
/// away receives nothing and takes what it is given as transmit errors.
/// Ownership: frames added by <see cref="Receive"/> belong to the batch; the prefix <see cref="Transmit"/> reports as taken
/// belongs to the port, which releases it to the same cache, at once or in a later call; the caller releases the rest and
/// counts the drop.
/// </remarks>
internal interface IPort
{
    /// <summary>Adds packets to <paramref name="batch"/>, as many as are there and fit.</summary>
    /// <param name="batch">Where they go; it may hold packets already.</param>
    /// <param name="frames">The worker's free frames. When there are none, packets are lost and counted, not left to pile up.</param>
    /// <returns>How many were added; 0 when nothing waits.</returns>
    int Receive(PacketBatch batch, FrameCache frames);

    /// <summary>Sends packets in order.</summary>
    /// <param name="packets">Packets with offload flags come only if the device's <see cref="IPortDevice.Takes"/> was true.</param>
    /// <param name="frames">Where the frames of taken packets go.</param>
    /// <returns>How many were taken: a prefix. Fewer than given means that the queue is full.</returns>
    int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames);

    /// <summary>
    /// Sets the worker's account, before the first call of the others. A queue that drops, uses up or makes packets by itself, or receives packets
    /// that it does not hand out, counts them there. Other counts are in <see cref="IPortDevice.ReadCounters"/>.
    /// </summary>
    /// <param name="account">Valid as long as the queue.</param>
    unsafe void CountOn(PortAccount* account)
    {
    }

    /// <summary>Whether its packets come from another port of the switch: they wait in memory, not on a wire, and must be emptied before a handover.</summary>
    bool IsInside => false;

    /// <summary>
    /// A file descriptor that polls readable when <see cref="Receive"/> would return packets; -1 if there is none. It may become another only when the
    /// worker calls <see cref="Receive"/>.
    /// </summary>
    int PollDescriptor { get; }

    /// <summary>Before the worker first receives from it: how a queue without a descriptor tells of packets, and any that it has another descriptor soon.</summary>
    /// <param name="wake">Ends the worker's sleep. Any thread; costs next to nothing while the worker is awake.</param>
    /// <returns>Whether the queue calls it when packets have come. A queue that does not, and has no descriptor, is polled a thousand times a second.</returns>
    bool WakeBy(Action wake) => false;

    /// <summary>
    /// The worker is about to sleep: from now on <see cref="PollDescriptor"/> polls readable when packets come, whatever the far end left out while they
    /// were asked for. The next <see cref="Receive"/> that finds some ends it.
    /// </summary>
    /// <returns>False if some wait already.</returns>
    bool Arm() => true;
}
