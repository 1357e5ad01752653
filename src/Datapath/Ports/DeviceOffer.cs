namespace Softswitch.Datapath.Ports;

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
