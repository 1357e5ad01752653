using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;
using static Softswitch.Ports.VhostUser.VhostUserProtocol;
using static Softswitch.Ports.VhostUser.VhostUserRequest;
using static Softswitch.Ports.VhostUser.VirtioFeatures;

namespace Softswitch.Ports.VhostUser;

/// <summary>
/// One connection with a front-end: checks its messages about memory and rings and executes them, one by one
/// (docs/interop/vhost-user.rst).
/// </summary>
/// <remarks>
/// An impossible message ends the session: the rings are stopped and the memory is unmapped. Workers go on meanwhile; they are kept out of a ring
/// only while it is changed. Threads: one at a time.
/// </remarks>
internal sealed class VhostUserSession : IDisposable
{
    /// <summary>The features offered: those of the rings, and those that a back-end only has to agree to.</summary>
    public const ulong OfferedFeatures =
        Rings | VIRTIO_NET_F_MTU | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_GUEST_ANNOUNCE | VIRTIO_NET_F_MQ | VHOST_USER_F_PROTOCOL_FEATURES;

    private const ulong VIRTIO_NET_F_CTRL_VQ = 1ul << 17; // the front-end's: its ring never comes here

    private const int SmallestMtu = 68; // RFC 791
    private const ulong Failed = 1;
    private const ulong Done = 0;
    private const uint RingIndexMask = 0xff;
    private const uint NoDescriptor = 1 << 8;

    private readonly VhostUserChannel _channel;
    private readonly GuestRings _rings;
    private readonly bool?[] _enabled; // as the front-end said; null if it did not
    private ulong _protocolFeatures;
    private ulong _status;

    /// <param name="socket">This object's from now on.</param>
    /// <param name="rings">The port's rings. Only this object changes them until it is disposed of.</param>
    public VhostUserSession(DescriptorSocket socket, GuestRings rings)
    {
        _channel = new VhostUserChannel(socket);
        _rings = rings;
        _enabled = new bool?[rings.Rings.Length];
    }

    /// <summary>Polls readable when <see cref="Handle"/> has something to do.</summary>
    public int Descriptor => _channel.Descriptor;

    /// <summary>Bytes of layer 3 as the front-end told the guest; 0 if it did not.</summary>
    public int Mtu { get; private set; }

    /// <summary>Whether a packet can pass in both directions.</summary>
    public bool IsUp => _rings.IsReady;

    /// <summary>What the guest uses, for people, such as <c>1 of 2 queues, mergeable buffers, TCP segments both ways</c>.</summary>
    public string Describe()
    {
        int ready = _rings.Rings.Count(ring => ring.Index % 2 == 0 && ring.IsReady);
        bool isModern = (_rings.Features & VIRTIO_F_VERSION_1) != 0;
        List<string> words = [$"{ready} of {_rings.Queues.Length} queues", isModern ? "virtio 1" : "legacy virtio"];
        foreach ((ulong feature, string word) in (ReadOnlySpan<(ulong, string)>)
        [
            (VIRTIO_NET_F_MRG_RXBUF, "mergeable buffers"), (VIRTIO_F_RING_INDIRECT_DESC, "indirect descriptors"),
            (VIRTIO_F_RING_EVENT_IDX, "event index"),
            (VIRTIO_NET_F_CSUM, "checksums from it"), (VIRTIO_NET_F_GUEST_CSUM, "checksums to it"),
            (VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6, "TCP segments from it"),
            (VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6, "TCP segments to it"),
            (VIRTIO_NET_F_HOST_USO, "UDP segments from it"), (VIRTIO_NET_F_GUEST_USO4 | VIRTIO_NET_F_GUEST_USO6, "UDP segments to it"),
        ])
        {
            if ((_rings.Features & feature) != 0)
            {
                words.Add(word);
            }
        }
        return string.Join(", ", words);
    }

    /// <summary>Executes the messages that have come, up to a limit.</summary>
    /// <returns>The number of messages executed.</returns>
    /// <exception cref="InvalidDataException">The front-end breaks the protocol, or lies; the message says how.</exception>
    /// <exception cref="EndOfStreamException">It hung up.</exception>
    /// <exception cref="SystemCallException">The connection is broken.</exception>
    public int Handle(int most)
    {
        int handled = 0;
        for (; handled < most && _channel.TryRead(); handled++)
        {
            HandleMessage();
        }
        return handled;
    }

    public void Dispose()
    {
        _rings.Reset();
        _channel.Dispose();
    }

    private void HandleMessage()
    {
        VhostUserRequest request = _channel.Request;
        bool wantsWord = (_channel.Header.Flags & VhostUserHeader.NeedsReply) != 0
            && (_protocolFeatures & VHOST_USER_PROTOCOL_F_REPLY_ACK) != 0;
        if (VhostUserShape.Of(request) is not { } shape)
        {
            if (!wantsWord)
            {
                throw new InvalidDataException($"message {(uint)request} is not known");
            }
            _channel.Reply(Failed);
            return;
        }
        try
        {
            shape.Check(_channel.Payload.Length, _channel.DescriptorCount);
            if (!TryAnswer(request))
            {
                ulong word = Do(request);
                if (wantsWord)
                {
                    _channel.Reply(word);
                }
            }
        }
        catch (InvalidDataException e)
        {
            if (wantsWord)
            {
                _channel.Reply(Failed);
            }
            throw new InvalidDataException($"{request}: {e.Message}", e);
        }
    }

    /// <summary>Messages that have a reply of their own.</summary>
    private bool TryAnswer(VhostUserRequest request)
    {
        switch (request)
        {
            case VHOST_USER_GET_FEATURES:
                _channel.Reply(OfferedFeatures);
                return true;
            case VHOST_USER_GET_PROTOCOL_FEATURES:
                _channel.Reply(Offered);
                return true;
            case VHOST_USER_GET_QUEUE_NUM:
                _channel.Reply((ulong)_rings.Queues.Length);
                return true;
            case VHOST_USER_GET_MAX_MEM_SLOTS:
                _channel.Reply((ulong)GuestMemory.MaxRegions);
                return true;
            case VHOST_USER_GET_STATUS:
                _channel.Reply(_status);
                return true;
            case VHOST_USER_GET_VRING_BASE:
                VirtQueue ring = RingAt(Read<RingStateMessage>().Index);
                _channel.Reply(new RingStateMessage((uint)ring.Index, ring.Stop()));
                return true;
            case VHOST_USER_SET_LOG_BASE:
                LogMessage log = Read<LogMessage>();
                Check(_rings.TrySetLog(_channel.TakeDescriptor(), log.Size, log.Offset, out string why), why);
                _channel.Reply(Done);
                return true;
            default:
                return false;
        }
    }

    /// <returns>The value of the acknowledgement.</returns>
    private ulong Do(VhostUserRequest request)
    {
        switch (request)
        {
            case VHOST_USER_SET_FEATURES:
                SetFeatures(Read<ulong>());
                break;
            case VHOST_USER_SET_PROTOCOL_FEATURES:
                _protocolFeatures = Subset(Read<ulong>(), Offered);
                break;
            case VHOST_USER_RESET_OWNER:
                StopRings();
                break;
            case VHOST_USER_RESET_DEVICE:
                // The memory stays: a front-end that adds regions one by one does not add them again.
                StopRings();
                Array.Clear(_enabled);
                SetFeatures(0);
                _status = 0;
                break;
            case VHOST_USER_SET_STATUS:
                _status = Read<ulong>();
                if (_status == 0) // a reset of the device (virtio 1.2 §2.1.1)
                {
                    StopRings();
                }
                break;
            case VHOST_USER_NET_SET_MTU:
                return TrySetMtu(Read<ulong>()) ? Done : Failed;
            case VHOST_USER_SEND_RARP:
                _rings.Announce(new MacAddress(BinaryPrimitives.ReadUInt64BigEndian(_channel.Payload) >> 16));
                break;
            case VHOST_USER_SET_MEM_TABLE:
                SetMemoryTable();
                break;
            case VHOST_USER_ADD_MEM_REG:
                CheckCount(1);
                Check(_rings.TryAddRegion(ReadRegion(RegionMessage.Offset, _channel.TakeDescriptor()), out string why), why);
                break;
            case VHOST_USER_REM_MEM_REG:
                _rings.RemoveRegion(ReadRegion(RegionMessage.Offset, descriptor: -1));
                break;
            case VHOST_USER_SET_VRING_NUM or VHOST_USER_SET_VRING_BASE or VHOST_USER_SET_VRING_ENABLE:
                SetRing(request, Read<RingStateMessage>());
                break;
            case VHOST_USER_SET_VRING_ADDR:
                SetAddresses(Read<RingAddressMessage>());
                break;
            case VHOST_USER_SET_VRING_KICK or VHOST_USER_SET_VRING_CALL:
                SetEvent(request, Read<ulong>());
                break;
            default:
                // SET_OWNER says what the connection says. SET_LOG_FD and SET_VRING_ERR give descriptors for news that the end of the
                // session tells as well.
                break;
        }
        return Done;
    }

    private void SetFeatures(ulong features)
    {
        Subset(features, OfferedFeatures);
        if (((features ^ _rings.Features) & ~VHOST_F_LOG_ALL) != 0 && _rings.Rings.Any(ring => ring.IsStarted))
        {
            throw new InvalidDataException("features change while rings are used");
        }
        _rings.SetFeatures(features);
        foreach (VirtQueue ring in _rings.Rings)
        {
            Enable(ring);
        }
    }

    private bool TrySetMtu(ulong mtu)
    {
        bool isPossible = mtu is >= SmallestMtu and <= ushort.MaxValue;
        Mtu = isPossible ? (int)mtu : Mtu;
        return isPossible;
    }

    private void SetMemoryTable()
    {
        int count = (int)Read<uint>();
        int bytes = RegionMessage.Offset + (count * RegionMessage.Bytes);
        if (count is < 0 or > RegionMessage.MostInTable || bytes > _channel.Payload.Length)
        {
            throw new InvalidDataException($"{(uint)count} regions in {_channel.Payload.Length} bytes");
        }
        CheckCount(count);
        List<GuestRegion> regions = [];
        for (int i = 0; i < count; i++)
        {
            regions.Add(ReadRegion(RegionMessage.Offset + (i * RegionMessage.Bytes), _channel.TakeDescriptor()));
        }
        Check(_rings.TrySetMemory(regions, out string why), why);
    }

    private void SetRing(VhostUserRequest request, RingStateMessage state)
    {
        VirtQueue ring = RingAt(state.Index);
        if (request == VHOST_USER_SET_VRING_ENABLE)
        {
            if (state.Number > 1)
            {
                throw new InvalidDataException($"{state.Number} is neither 0 nor 1");
            }
            _enabled[ring.Index] = state.Number == 1;
            Enable(ring);
            return;
        }
        if (ring.IsStarted)
        {
            throw new InvalidDataException($"ring {ring.Index} is in use");
        }
        if (request == VHOST_USER_SET_VRING_NUM)
        {
            Check(ring.TrySetSize(state.Number, out string why), why);
        }
        else
        {
            // Upper bits are those of other ring formats.
            ring.SetBase((ushort)state.Number);
        }
    }

    private void SetAddresses(RingAddressMessage at)
    {
        VirtQueue ring = RingAt(at.Index);
        bool logsUsed = (at.Flags & RingAddressMessage.VHOST_VRING_F_LOG) != 0;
        Check(ring.TrySetAddresses(new RingAddresses(at.Descriptors, at.Available, at.Used, logsUsed, at.Log), out string why), why);
    }

    private void SetEvent(VhostUserRequest request, ulong which)
    {
        VirtQueue ring = RingAt((uint)which & RingIndexMask);
        CheckCount((which & NoDescriptor) != 0 ? 0 : 1);
        if (_channel.DescriptorCount == 1 && !EventDescriptor.TrySetUp(_channel.FirstDescriptor))
        {
            throw new InvalidDataException("its descriptor is no eventfd");
        }
        int descriptor = _channel.DescriptorCount == 0 ? -1 : _channel.TakeDescriptor();
        if (request == VHOST_USER_SET_VRING_CALL)
        {
            ring.SetCall(descriptor);
        }
        else
        {
            ring.SetKick(descriptor);
            Enable(ring);
        }
    }

    /// <summary>A ring begins disabled where the front-end has agreed to say when it is enabled.</summary>
    private void Enable(VirtQueue ring)
    {
        bool isEnabled = _enabled[ring.Index] ?? (_rings.Features & VHOST_USER_F_PROTOCOL_FEATURES) == 0;
        if (isEnabled != ring.IsEnabled)
        {
            ring.SetEnabled(isEnabled);
        }
    }

    private void StopRings()
    {
        foreach (VirtQueue ring in _rings.Rings)
        {
            ring.Stop();
        }
    }

    private VirtQueue RingAt(uint index) => index < (uint)_rings.Rings.Length
        ? _rings.Rings[(int)index]
        : throw new InvalidDataException($"there is no ring {index}; the port has {_rings.Rings.Length}");

    private GuestRegion ReadRegion(int offset, int descriptor)
    {
        RegionMessage region = MemoryMarshal.Read<RegionMessage>(_channel.Payload[offset..]);
        return new GuestRegion(region.GuestAddress, region.Size, region.UserAddress, region.MmapOffset, descriptor);
    }

    private void CheckCount(int descriptors)
    {
        if (_channel.DescriptorCount != descriptors)
        {
            throw new InvalidDataException($"{_channel.DescriptorCount} descriptors, not {descriptors}");
        }
    }

    private T Read<T>()
        where T : unmanaged => MemoryMarshal.Read<T>(_channel.Payload);

    private static ulong Subset(ulong features, ulong offered) =>
        (features & ~offered) == 0 ? features : throw new InvalidDataException($"features 0x{features & ~offered:x} were not offered");

    private static void Check(bool done, string why)
    {
        if (!done)
        {
            throw new InvalidDataException(why);
        }
    }
}
