using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.NetFpga.Emulator;

/// <summary>The interface that a driver would show for one port of an emulated card: the host's end of the card's queue.</summary>
/// <remarks>
/// Disposing disposes of the wire, too. Taken down, it neither takes nor gives frames; the card forwards from and to its wire all the same, as long as
/// the port is served. All four belong to one worker.
/// </remarks>
internal sealed unsafe class EmulatedNetdev : IPort, IPortDevice
{
    /// <summary>Bytes of the longest packet, as the card's driver has it.</summary>
    public const int Mtu = 1986;

    private const int HeaderAndTag = 18;

    private readonly EmulatedCardDevice _cardDevice;
    private readonly FramePool _pool;
    private readonly int _port;
    private volatile bool _isDown;
    private PortAccount* _account = PortAccount.Nobody;
    private long _receiveDropped;
    private bool _disposed;

    /// <param name="port">Of the card, 0 to 3.</param>
    /// <param name="wire">What is plugged in, from here on this object's.</param>
    /// <param name="name">Such as <c>nf2c0</c>.</param>
    /// <param name="pool">The switch's frames.</param>
    public EmulatedNetdev(EmulatedCardDevice cardDevice, int port, IPortDevice wire, string name, FramePool pool)
    {
        cardDevice.PlugIn(port, wire);
        _cardDevice = cardDevice;
        _port = port;
        _pool = pool;
        Name = name;
        Queues = [this];
        ReadLink();
    }

    public string Name { get; }

    public string Backend => $"wire {_cardDevice.WireOf(_port).Name}, {_cardDevice.WireOf(_port).Backend}";

    public MacAddress HardwareAddress => _cardDevice.WireOf(_port).HardwareAddress;

    public bool TakesOffloads => false;

    public IReadOnlyList<IPort> Queues { get; }

    public int PollDescriptor => _cardDevice.WireOf(_port).Queues[0].PollDescriptor;

    public bool WakeBy(Action wake) => _cardDevice.WireOf(_port).Queues[0].WakeBy(wake);

    public void CountOn(PortAccount* account) => _account = account;

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        int before = batch.Count;
        int received = _cardDevice.ReceiveFromCard(_port, batch, frames);
        if (!_isDown || received == 0)
        {
            return received;
        }
        frames.Release(batch.Packets[before..]);
        batch.Truncate(before);
        _receiveDropped += received;
        return 0;
    }

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        foreach (ref readonly Packet packet in packets)
        {
            if (_isDown || packet.Length > Mtu + HeaderAndTag)
            {
                frames.DropLost(packet, _isDown ? DropReason.LinkDown : DropReason.TooLong, &_account->Egress);
            }
            else
            {
                _cardDevice.SendToCard(_port, packet, frames);
            }
        }
        _cardDevice.SendLeaving(frames);
        return packets.Length;
    }

    /// <summary>The wire's link, which the card's PHY gets to see by this.</summary>
    public PortLink ReadLink()
    {
        PortLink wire = _cardDevice.WireOf(_port).ReadLink();
        _cardDevice.Card.SetLink(_port, wire.Up);
        int mtu = wire.Mtu == 0 ? Mtu : Math.Min(Mtu, wire.Mtu);
        return wire with { Up = wire.Up && !_isDown, Mtu = mtu, IsSetDown = _isDown };
    }

    public PortCounters ReadCounters()
    {
        PortCounters wire = _cardDevice.WireOf(_port).ReadCounters();
        wire.ReceiveDropped += _cardDevice.ReadReceiveLosses(_port) + Volatile.Read(ref _receiveDropped);
        wire.TransmitDropped += _cardDevice.ReadWireLosses(_port);
        return wire;
    }

    public void SetAdministrativeState(bool up) => _isDown = !up;

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        FrameCache frames = _pool.CreateCache();
        _cardDevice.Drain(_port, frames);
        frames.Drain();
        _cardDevice.WireOf(_port).Dispose();
    }
}
