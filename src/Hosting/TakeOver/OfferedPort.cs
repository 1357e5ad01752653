using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.TakeOver;

/// <summary>A port as its present owner offers it.</summary>
/// <param name="Number">Its OpenFlow number.</param>
/// <param name="Spec">What it was asked for by, without the number.</param>
/// <param name="Obstacle">Why it cannot be had; empty if it can.</param>
/// <param name="Device">What to go on with; null if it cannot be had. Its descriptors are this one's.</param>
internal sealed record OfferedPort(ushort Number, string Spec, string Obstacle, DeviceOffer? Device)
{
    /// <summary>Under the control lock: descriptors of its own, which stay valid when the port goes.</summary>
    public static OfferedPort Of(ushort number, PortSpec spec, IPortDevice device)
    {
        try
        {
            DeviceOffer offer = device.Handover?.Offer() ?? throw new NotSupportedException("no other process can go on with such a port");
            int[] copies = [.. offer.Descriptors.Select(descriptor => Libc.fcntl(descriptor, Libc.F_DUPFD_CLOEXEC, 0))];
            OfferedPort offered = new(number, spec.Body, string.Empty, offer with { Descriptors = copies });
            if (copies.Contains(-1))
            {
                offered.Close();
                throw new NotSupportedException("there are no descriptors left");
            }
            return offered;
        }
        catch (NotSupportedException e)
        {
            return new OfferedPort(number, spec.Body, e.Message, null);
        }
    }

    public static OfferedPort Read(BinaryReader from, int[] descriptors)
    {
        ushort number = from.ReadUInt16();
        string spec = from.ReadString();
        string obstacle = from.ReadString();
        DeviceOffer? device = obstacle.Length > 0 ? null : new DeviceOffer(from.ReadString(), from.ReadBytes(from.ReadInt32()), descriptors);
        return new OfferedPort(number, spec, obstacle, device);
    }

    public void Write(BinaryWriter to)
    {
        to.Write(Number);
        to.Write(Spec);
        to.Write(Obstacle);
        if (Device != null)
        {
            to.Write(Device.Kind);
            to.Write(Device.Record.Length);
            to.Write(Device.Record);
        }
    }

    /// <summary>Closes the descriptors: they were sent, or nobody wants them.</summary>
    public void Close()
    {
        foreach (int descriptor in (Device?.Descriptors ?? []).Where(descriptor => descriptor >= 0))
        {
            _ = Libc.close(descriptor);
        }
    }
}
