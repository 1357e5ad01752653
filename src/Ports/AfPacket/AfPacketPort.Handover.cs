using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux.Interfaces;

namespace Softswitch.Ports.AfPacket;

/// <content>A port that changes processes.</content>
internal sealed partial class AfPacketPort
{
    /// <summary>What an offer of this backend is called.</summary>
    public const string OfferKind = "packet";

    private const byte RecordVersion = 2;

    // Sender and lock; then the rings.
    private const int FixedDescriptors = 2;

    /// <summary>Goes on with the sockets of another process once it is told to: <see cref="IDeviceHandover.Adopt"/>.</summary>
    /// <param name="offer">As <see cref="Offer"/> made it, in the interface's network namespace. Its descriptors stay the caller's if
    /// this throws.</param>
    /// <exception cref="PortException">The interface is not here, or the system refuses.</exception>
    /// <exception cref="InvalidDataException">It is of another version.</exception>
    public static AfPacketPort Take(string port, DeviceOffer offer)
    {
        using BinaryReader record = DeviceRecord.Read(offer.Record, RecordVersion);
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
            return new DeviceOffer(
                OfferKind,
                DeviceRecord.Write(RecordVersion, record =>
                {
                    record.Write(_interface.Index);
                    record.Write(_interface.WasUp);
                    record.Write(_reason);
                    record.Write((byte)receive.Count);
                    record.Write(transmit != null);
                    foreach (ReceiveRing ring in receive)
                    {
                        ring.Size.Write(record);
                    }
                    transmit?.Size.Write(record);
                }),
                transmit == null
                    ? [_sender, _lock.Descriptor, .. receive.Select(ring => ring.Socket)]
                    : [_sender, _lock.Descriptor, .. receive.Select(ring => ring.Socket), transmit.Socket]);
        }
    }

    public byte[] Rest()
    {
        _ = ReadCounters(); // the sockets' own counts begin anew each time they are read
        lock (_sync)
        {
            return DeviceRecord.Write(RecordVersion, record =>
            {
                _queue.Save(record);
                record.Write(_ringDrops);
                record.Write(_transmitDropped);
                (long link, long queue, long count) = _unsent.State;
                record.Write(link);
                record.Write(queue);
                record.Write(count);
                (bool wasUp, bool wasChanged) = _interface.Found;
                record.Write(wasUp);
                record.Write(wasChanged);
            });
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
            _interface.Leave();
        }
    }

    public void Adopt(ReadOnlySpan<byte> rest)
    {
        using BinaryReader record = DeviceRecord.Read(rest, RecordVersion);
        lock (_sync)
        {
            _queue.Restore(record);
            _ringDrops = record.ReadInt64();
            _transmitDropped = record.ReadInt64();
            _unsent.Restore((record.ReadInt64(), record.ReadInt64(), record.ReadInt64()));
            _interface.RestoreFound(record.ReadBoolean(), record.ReadBoolean());
            _lock.Own();
            _isOurs = true;
        }
        _grower.Value.Wake(); // the worker may be between two rings
    }
}
