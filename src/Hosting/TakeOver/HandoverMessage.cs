using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.TakeOver;

/// <summary>What two processes say to each other while one takes a switch over from the other, in the order of docs/take-over.md.</summary>
/// <remarks>
/// <code>
///    running switch                         new process
/// 1. Switch, Listener..., Port..., OfferEnd
///                                           Opened        all that the options name is open
/// 2. Entries..., EntriesEnd
///                                           Loaded        from here on workers are stopped
/// 3. State
/// 4.                                        Taken         from here on the new process forwards
/// </code>
/// Instead of each either may say <see cref="Failed"/>, with the reason.
/// </remarks>
internal enum HandoverMessage : byte
{
    Failed,
    Switch,
    Listener,
    Port,
    OfferEnd,
    Opened,
    Entries,
    EntriesEnd,
    Loaded,
    State,
    Taken,
}

/// <summary>A port as its present owner offers it.</summary>
/// <param name="Number">Its OpenFlow number.</param>
/// <param name="Spec">What it was asked for by, without the number.</param>
/// <param name="Obstacle">Why it cannot be had; empty if it can.</param>
/// <param name="Device">What to go on with; its descriptors are this one's. That of a port that cannot be had says nothing.</param>
internal sealed record OfferedPort(ushort Number, string Spec, string Obstacle, DeviceOffer Device)
{
    /// <summary>Under the control lock: descriptors of its own, which stay valid when the port goes.</summary>
    public static OfferedPort Of(ushort number, PortSpec spec, IPortDevice device)
    {
        try
        {
            DeviceOffer offer = device.Handover?.Offer() ?? throw new NotSupportedException("no other process can go on with such a port");
            int[] copies = [.. offer.Descriptors.Select(descriptor => Libc.fcntl(descriptor, Libc.F_DUPFD_CLOEXEC, 0))];
            if (copies.Contains(-1))
            {
                HandoverChannel.Close(copies);
                throw new NotSupportedException("there are no descriptors left");
            }
            return new OfferedPort(number, spec.Body, string.Empty, offer with { Descriptors = copies });
        }
        catch (NotSupportedException e)
        {
            return new OfferedPort(number, spec.Body, e.Message, DeviceOffer.Anew);
        }
    }

    public static OfferedPort Read(BinaryReader from, int[] descriptors) => new(
        from.ReadUInt16(), from.ReadString(), from.ReadString(), new DeviceOffer(from.ReadString(), from.ReadBytes(from.ReadInt32()), descriptors));

    public void Write(BinaryWriter to)
    {
        to.Write(Number);
        to.Write(Spec);
        to.Write(Obstacle);
        to.Write(Device.Kind);
        to.Write(Device.Record.Length);
        to.Write(Device.Record);
    }
}

/// <summary>Which of the offered ports and listeners the new process goes on with; the others are the old one's to close.</summary>
internal sealed record HandoverResult(IReadOnlySet<ushort> Ports, IReadOnlySet<string> Listeners)
{
    /// <summary>Never fails: what the bytes do not say was not taken, and the switch is the new process's all the same.</summary>
    public static HandoverResult Read(BinaryReader from)
    {
        HashSet<ushort> ports = [];
        HashSet<string> listeners = [];
        try
        {
            for (int count = from.ReadInt32(); count > 0; count--)
            {
                ports.Add(from.ReadUInt16());
            }
            for (int count = from.ReadInt32(); count > 0; count--)
            {
                listeners.Add(from.ReadString());
            }
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            // cut short
        }
        return new HandoverResult(ports, listeners);
    }

    public void Write(BinaryWriter to)
    {
        to.Write(Ports.Count);
        foreach (ushort port in Ports)
        {
            to.Write(port);
        }
        to.Write(Listeners.Count);
        foreach (string listener in Listeners)
        {
            to.Write(listener);
        }
    }
}
