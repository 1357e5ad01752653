namespace Softswitch.Datapath.Ports;

/// <summary>Both ends of giving an open device to another process, without the kernel noticing: <see cref="IPortDevice.Handover"/>.</summary>
/// <remarks>
/// <para>In order, with the present owner's calls to the left:</para>
/// <code>
/// Offer                                   while workers pass packets
///                   PortFactory.Take      makes a device of the offer; it neither receives nor sends nor changes anything
/// SaveState                               workers are stopped, and stay so until what follows
///                   Adopt                 the next owner's workers may begin after it
/// Yield, Dispose                          or Resume, if the next owner failed at whatever point
/// </code>
/// <para>
/// As they are here the members are those of a device that is opened anew by its specification and has nothing to remember. Threads: one at a time, under the
/// control lock. The kernel goes on filling rings meanwhile; nobody else may touch them, or packets are lost or doubled.
/// </para>
/// </remarks>
internal interface IDeviceHandover
{
    /// <summary>The present owner, first: what the device is opened by. May be called again, for another process, when one failed.</summary>
    /// <exception cref="NotSupportedException">The device cannot be given away as it is set up or at present; the message says why.</exception>
    DeviceOffer Offer() => DeviceOffer.Anew;

    /// <summary>The present owner, workers stopped: writes where rings and files stand and what was counted, as <see cref="Adopt"/> reads it. It stands so until <see cref="Resume"/> or <see cref="Yield"/>.</summary>
    void SaveState(BinaryWriter state)
    {
    }

    /// <summary>The present owner, workers stopped: the other process failed after <see cref="SaveState"/>, and the device goes on as if nothing had been.</summary>
    void Resume()
    {
    }

    /// <summary>
    /// The present owner: the device is another's. Nothing but <see cref="IDisposable.Dispose"/> follows, which closes what is this process's and leaves the
    /// interface, its program, memberships and state alone.
    /// </summary>
    void Yield()
    {
    }

    /// <summary>
    /// The next owner, before its workers begin: the device is this process's from now on, its counters go on, and it leaves the interface as the
    /// first owner found it. Disposed of without this, a taken device closes its descriptors and leaves all else alone.
    /// </summary>
    /// <exception cref="InvalidDataException">The state makes no sense; so does <see cref="EndOfStreamException"/>. The present owner goes on.</exception>
    void Adopt(BinaryReader state)
    {
    }
}

/// <summary>An offer by which another process opens a device while this one still uses it. Sent in one message (unix(7), SCM_RIGHTS).</summary>
/// <param name="Kind">The backend that can make a device of it, such as <c>packet</c>; part of the protocol between versions of the switch.</param>
/// <param name="Record">What the backend has to know besides: at most <see cref="MostBytes"/>. The layout is the protocol's of one version.</param>
/// <param name="Descriptors">At most <see cref="MostDescriptors"/>. They stay the owner's; a process that is sent duplicates owns those.</param>
internal sealed record DeviceOffer(string Kind, byte[] Record, IReadOnlyList<int> Descriptors)
{
    public const int MostBytes = 60 * 1024;

    /// <summary>SCM_MAX_FD: what one message carries.</summary>
    public const int MostDescriptors = 253;

    /// <summary>The device is opened anew, by the port's specification: what it goes on from is in its state.</summary>
    public static readonly DeviceOffer Anew = new("anew", [], []);

    /// <summary>A reader of the record; it throws <see cref="EndOfStreamException"/> where that is too short.</summary>
    public BinaryReader ReadRecord() => new(new MemoryStream(Record));
}

/// <summary>Gathers what a device writes of itself.</summary>
internal sealed class DeviceRecord() : BinaryWriter(new MemoryStream())
{
    public byte[] ToArray() => ((MemoryStream)OutStream).ToArray();
}
