using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Tunnels.NextHops;

namespace Softswitch.Ports.Tunnels;

/// <summary>Traces a tunnel: the classes that send, but on a wire that is not the underlay's.</summary>
/// <remarks>It asks for no next hop, and leaves the switch's counters alone. Threads: one at a time.</remarks>
internal sealed unsafe class TunnelTrace : IEgressTrace
{
    private readonly TunnelDevice _device;
    private readonly Underlay _underlay;
    private readonly UnderlaySender? _below;
    private readonly TunnelQueue _queue;
    private readonly PacketBatch _answers = new();

    public TunnelTrace(TunnelDevice device, Underlay underlay, IPort wire)
    {
        _device = device;
        _underlay = underlay;
        _below = underlay.Device is { } present ? new UnderlaySender(wire, present, underlay) : null;
        // No index of the underlay's: without a device it has nothing to send by.
        _queue = new TunnelQueue(int.MaxValue, device, underlay, _below);
    }

    public IPortDevice? Below => _underlay.Device;

    public int WaitingCount => _below?.HeldCount ?? 0;

    public string Way { get; private set; } = "";

    public int PollDescriptor => -1;

    public void CountOn(PortAccount* account) => _queue.CountOn(account);

    public int Receive(PacketBatch batch, FrameCache frames) => _queue.Receive(batch, frames);

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        foreach (ref readonly Packet packet in packets)
        {
            Be32 chosen = (packet.Flags & PacketFlags.HasTunnel) != 0 ? frames.Tunnel(packet).Destination : default;
            Way = DescribeWay(_device.Options.Remote ?? chosen);
            _queue.Transmit(new ReadOnlySpan<Packet>(in packet), frames);
        }
        return packets.Length;
    }

    public byte[]? TakeAnswer(FrameCache frames)
    {
        if (_queue.Receive(_answers, frames) == 0)
        {
            return null;
        }
        byte[] bytes = _answers.Packets[0].Bytes.ToArray();
        frames.Release(_answers.Packets);
        _answers.Clear();
        return bytes;
    }

    public void Dispose() => _queue.Dispose();

    private string DescribeWay(Be32 remote)
    {
        if (_device.Options.RemoteHardwareAddress is { } known)
        {
            return $"to {known} (remote-mac)";
        }
        if (!_underlay.TryFindNextHop(remote, out Be32 nextHop))
        {
            return $"no route to {Ipv4Text.Format(remote)}";
        }
        string hop = _underlay.Kernel == null ? $"next hop {Ipv4Text.Format(nextHop)}" : $"the kernel's way to {Ipv4Text.Format(remote)}";
        string state = _underlay.Find(nextHop, out MacAddress address, peek: true) switch
        {
            NeighbourState.Reachable => $" at {address}",
            NeighbourState.Failed => ", which does not answer",
            _ => _underlay.Kernel == null ? ", which is asked by ARP first" : ", which it is asked for first",
        };
        int pathMtu = _underlay.PathMtus.Find(remote);
        return hop + state + (pathMtu == PathMtuTable.Unlimited ? "" : $", path MTU {pathMtu}");
    }
}
