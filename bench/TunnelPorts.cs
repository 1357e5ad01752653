using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Memory;
using Softswitch.Ports.Null;
using Softswitch.Ports.Pcap;
using Softswitch.Ports.Specs;
using Softswitch.Ports.Tunnels;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Bench;

/// <summary>Tunnels for measuring: their underlay is a null port, or replays packets wrapped beforehand.</summary>
internal sealed class TunnelPorts(MeasuredSwitch bench, string kind)
{
    private const string NearEnd = "10.99.0.1";
    private const string FarEnd = "10.99.0.2";

    private readonly UnderlaySet _set = new();

    /// <summary>Adds a tunnel whose packets go to a null port with a queue for each worker, and that port.</summary>
    /// <param name="number">The tunnel's; the underlay has the next.</param>
    public void AddSink(ushort number, int workers)
    {
        ushort below = (ushort)(number + 1);
        bench.AddPort(below, _set.Wrap(below, new NullPort("underlay", workers), ReadAddress($"null{below},address={NearEnd}/24")));
        AddTunnel(number, $"{kind}:local={NearEnd},remote={FarEnd},via={below},remote-mac=02:00:00:00:00:99");
    }

    /// <summary>Adds an underlay that replays these frames, wrapped, and the tunnel they come out of.</summary>
    /// <param name="number">The underlay's.</param>
    public void AddInput(ushort number, ushort tunnel, string name, IEnumerable<ReadOnlyMemory<byte>> frames, FlowHeaders fields)
    {
        MacAddress address = new NullPort(name).HardwareAddress; // what a replaying port of that name has
        ReplayPort replay = ReplayPort.FromFrames(name, Wrap(frames, address));
        bench.AddPort(number, _set.Wrap(number, replay, ReadAddress($"in{number},address={NearEnd}/24")));
        string inner = kind == "ipip" ? $",inner-src={new MacAddress(fields.DlSrc)},inner-dst={new MacAddress(fields.DlDst)}" : string.Empty;
        AddTunnel(tunnel, $"{kind}:local={NearEnd},remote={FarEnd},via={number}{inner}");
    }

    private void AddTunnel(ushort number, string spec) =>
        bench.AddPort(number, _set.Open(number, Parse(spec), bench.Control.Frames, out ushort? beside), beside);

    /// <summary>What the far end sends for each of these frames: made by a tunnel of ours, between the same ends the other way round.</summary>
    private IEnumerable<ReadOnlyMemory<byte>> Wrap(IEnumerable<ReadOnlyMemory<byte>> frames, MacAddress address)
    {
        using var pool = new FramePool(64);
        var set = new UnderlaySet();
        var wire = new MemoryPort("far", pool, capacity: 4);
        using IPortDevice underlay = set.Wrap(1, wire, ReadAddress($"far,address={FarEnd}/24"));
        using IPortDevice tunnel = set.Open(2, Parse($"{kind}:local={FarEnd},remote={NearEnd},remote-mac={address}"), pool, out _);
        FrameCache cache = wire.FarFrames; // where they come back to
        foreach (ReadOnlyMemory<byte> frame in frames)
        {
            if (!cache.TryRent(frame.Length, out Packet packet))
            {
                throw new InvalidOperationException("the pool of the far end is empty");
            }
            packet.Length = frame.Length;
            frame.Span.CopyTo(packet.Bytes);
            tunnel.Queues[0].Transmit(new ReadOnlySpan<Packet>(in packet), cache);
            yield return wire.Collect()[0];
        }
    }

    private static UnderlayOptions ReadAddress(string spec) => UnderlayOptions.Read(Parse(spec))!;

    private static PortSpec Parse(string text) =>
        PortSpec.TryParse(text, out PortSpec? spec, out string? error) ? spec : throw new InvalidOperationException(error);
}
