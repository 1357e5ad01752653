using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.VhostUser;

/// <content>
/// Handed over, the port meets its front-end anew: by the socket it listens at, or by connecting, which succeeds when the owner before hangs up.
/// The rings tell where
/// they are, and what the guest sends meanwhile waits in them.
/// </content>
internal sealed unsafe partial class VhostUserPort
{
    /// <summary>What an offer of this backend is called.</summary>
    public const string OfferKind = "vhost-user";

    private PortCounters _before; // of the processes that had it
    private volatile bool _isOurs = true;

    public IDeviceHandover Handover => this;

    /// <summary>Goes on for another process once it is told to: <see cref="IDeviceHandover.Adopt"/>.</summary>
    /// <param name="offer">As <see cref="Offer"/> made it. Its descriptors stay the caller's if this throws.</param>
    /// <exception cref="InvalidDataException">It makes no sense.</exception>
    public static VhostUserPort Take(string port, DeviceOffer offer)
    {
        using BinaryReader record = offer.ReadRecord();
        (string path, int queues, bool isServer) = (record.ReadString(), record.ReadInt32(), record.ReadBoolean());
        if (queues is < 1 or > MostQueues || offer.Descriptors.Count != (isServer ? 1 : 0))
        {
            throw new InvalidDataException($"{queues} queues and {offer.Descriptors.Count} descriptors");
        }
        try
        {
            UnixListener? listener = isServer ? UnixListener.Take(offer.Descriptors[0], path) : null;
            return new VhostUserPort(path, listener, first: null, queues) { _isOurs = false };
        }
        catch (SystemCallException e)
        {
            throw new PortException($"{port}: {e.Message}", e);
        }
    }

    public DeviceOffer Offer()
    {
        using DeviceRecord record = new();
        record.Write(_path);
        record.Write(Queues.Count);
        record.Write(_listener != null);
        return new DeviceOffer(OfferKind, record.ToArray(), _listener == null ? [] : [_listener.Descriptor]);
    }

    public void SaveState(BinaryWriter state) => ReadCounters().Save(state);

    public void Yield() => _isOurs = false;

    public void Adopt(BinaryReader state)
    {
        _before = PortCounters.Read(state);
        _isOurs = true;
        _thread.Start();
    }
}
