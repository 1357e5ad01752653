namespace Softswitch.Datapath.Ports;

/// <summary>Both ends of giving an open device to another process, without the kernel noticing: <see cref="IPortDevice.Handover"/>.</summary>
/// <remarks>
/// <para>In order, with the giver's calls to the left:</para>
/// <code>
/// Offer                                   while workers pass packets
///                   PortFactory.Take      makes a device of the offer; it neither receives nor sends nor changes anything
/// Rest                                    all workers rest between two passes, and do so until what follows
///                   Adopt                 the taker's workers may begin after it
/// Yield, Dispose                          or Resume, if the taker failed at whatever point
/// </code>
/// <para>
/// Threads: one at a time, under the control lock. The kernel goes on filling rings meanwhile; nobody else may touch them, or packets are lost or doubled.
/// </para>
/// </remarks>
internal interface IDeviceHandover
{
    /// <summary>The giver, first: what the taker opens the device by. May be called again, for another taker, when one failed.</summary>
    /// <exception cref="NotSupportedException">The device cannot be given away as it is set up or at present; the message says why.</exception>
    DeviceOffer Offer();

    /// <summary>The giver, workers at rest: where rings and files stand and what was counted, as <see cref="Adopt"/> reads it. Changes nothing.</summary>
    /// <returns>At most <see cref="DeviceOffer.MostBytes"/>.</returns>
    byte[] Rest();

    /// <summary>The giver, workers at rest: the taker failed after <see cref="Rest"/>, and the device goes on as if nothing had been.</summary>
    void Resume()
    {
    }

    /// <summary>
    /// The giver: the device is another's. Nothing but <see cref="IDisposable.Dispose"/> follows, which closes what is this process's and leaves the
    /// interface, its program, memberships and state alone.
    /// </summary>
    void Yield();

    /// <summary>
    /// The taker, before its workers begin: the device is this process's from now on, its counters go on from the giver's, and it leaves the interface as the
    /// giver found it. Disposed of without this, a taken device closes its descriptors and leaves all else alone.
    /// </summary>
    /// <exception cref="InvalidDataException">The record is none of this version's; the giver goes on.</exception>
    void Adopt(ReadOnlySpan<byte> rest);
}

/// <summary>What another process opens a device by, while this one still uses it: sent in one message (unix(7), SCM_RIGHTS).</summary>
/// <param name="Kind">The backend that can make a device of it, such as <c>packet</c>; part of the protocol between versions of the switch.</param>
/// <param name="Record">
/// What the backend has to know besides: at most <see cref="MostBytes"/>, its first byte the version of what follows. What the taker does not understand
/// it refuses.
/// </param>
/// <param name="Descriptors">At most <see cref="MostDescriptors"/>. They stay the giver's; who is sent duplicates owns those.</param>
internal sealed record DeviceOffer(string Kind, byte[] Record, IReadOnlyList<int> Descriptors)
{
    public const int MostBytes = 60 * 1024;

    /// <summary>SCM_MAX_FD: what one message carries.</summary>
    public const int MostDescriptors = 253;
}
