using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux.Interfaces;

namespace Softswitch.Ports.AfPacket;

/// <content>A port that changes processes.</content>
internal sealed partial class AfPacketPort
{
    /// <summary>What an offer of this backend is called.</summary>
    public const string OfferKind = "packet";

    // Sender and lock; then the rings.
    private const int FixedDescriptors = 2;

    /// <summary>Goes on with the sockets of another process once it is told to: <see cref="IDeviceHandover.Adopt"/>.</summary>
    /// <param name="offer">As <see cref="Offer"/> made it, in the interface's network namespace. Its descriptors stay the caller's if
    /// this throws.</param>
    /// <exception cref="PortException">The interface is not here, or the system refuses.</exception>
    /// <exception cref="InvalidDataException">It makes no sense.</exception>
    public static AfPacketPort Take(string port, DeviceOffer offer)
    {
        using BinaryReader record = offer.ReadRecord();
        Parts parts = new(port, LinuxInterface.Find(port, record.ReadInt32()));
        try
        {
            parts.Device.RestoreFound(record.ReadBoolean(), wasChanged: false);
            string reason = record.ReadString();
            int receive = record.ReadByte();
            bool hasTransmit = record.ReadBoolean();
            int wanted = FixedDescriptors + receive + (hasTransmit ? 1 : 0);
            if (receive is not (1 or 2) || offer.Descriptors.Count != wanted)
            {
                throw new InvalidDataException($"it comes with {offer.Descriptors.Count} descriptors in place of {wanted}");
            }
            for (int i = 0; i < receive; i++)
            {
                parts.Receive.Add(ReceiveRing.Take(port, offer.Descriptors[FixedDescriptors + i], RingSize.Read(record), parts.Counts));
            }
            parts.Transmit = hasTransmit ? TransmitRing.Take(port, offer.Descriptors[^1], RingSize.Read(record)) : null;
            parts.Share();
            parts.Sender = offer.Descriptors[0];
            parts.Lock = InterfaceLock.Of(offer.Descriptors[1]);
            return new AfPacketPort(parts, reason, isOurs: false);
        }
        catch
        {
            parts.Forget();
            throw;
        }
    }

    public DeviceOffer Offer()
    {
        lock (_sync)
        {
            _offeredUntil = Environment.TickCount64 + OfferMilliseconds;
            IReadOnlyList<ReceiveRing> receive = _queue.ReceiveRings;
            TransmitRing? transmit = _queue.LastTransmit;
            using DeviceRecord record = new();
            record.Write(_interface.Index);
            record.Write(_interface.WasUp);
            record.Write(_reason);
            record.Write((byte)receive.Count);
            record.Write(transmit != null);
            List<int> descriptors = [_sender, _lock.Descriptor];
            foreach (ReceiveRing ring in receive)
            {
                ring.Size.Write(record);
                descriptors.Add(ring.Socket);
            }
            if (transmit != null)
            {
                transmit.Size.Write(record);
                descriptors.Add(transmit.Socket);
            }
            return new DeviceOffer(OfferKind, record.ToArray(), descriptors);
        }
    }

    public void SaveState(BinaryWriter state)
    {
        _ = ReadCounters(); // the sockets' own counts begin anew each time they are read
        lock (_sync)
        {
            _queue.Save(state);
            state.Write(_ringDrops);
            state.Write(_transmitDropped);
            _unsent.Save(state);
            _interface.SaveFound(state);
        }
    }

    public void Resume()
    {
        lock (_sync)
        {
            _offeredUntil = 0;
        }
        _grower.Value.Wake();
    }

    public void Yield()
    {
        lock (_sync)
        {
            _isOurs = false;
        }
    }

    public void Adopt(BinaryReader state)
    {
        lock (_sync)
        {
            _queue.Restore(state);
            _ringDrops = state.ReadInt64();
            _transmitDropped = state.ReadInt64();
            _unsent.Restore(state);
            _interface.RestoreFound(state);
            _lock.Own();
            _isOurs = true;
        }
        _grower.Value.Wake(); // the worker may be between two rings
    }
}
