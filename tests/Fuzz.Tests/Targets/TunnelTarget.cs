using System.Buffers.Binary;
using Softswitch.Testing;

namespace Softswitch.Fuzz.Tests.Targets;

/// <summary>Packets from the underlay, and frames into the tunnels: no frame is lost, and a good packet still gets through afterwards.</summary>
internal sealed class TunnelTarget : IFuzzTarget
{
    // Record kinds: a frame from the wire, a time that passes, or a frame for the tunnel of a number.
    private const int Wire = 0;
    private const int Time = 1;
    private const int Tunnel = 2;

    private const string Ends = "local=10.0.0.1,remote=10.0.0.2";

    private static readonly string[] Tunnels =
    [
        $"vxlan:{Ends},key=42", $"gre:{Ends},key=42", $"gre:{Ends},csum=on", $"ipip:{Ends},inner-src=02:00:00:00:00:01,inner-dst=02:00:00:00:00:02", $"capsulator:{Ends},key=42",
    ];

    public string Name => "tunnel";

    public byte[] Generate(Random random)
    {
        List<byte> input = [];
        RandomMatches frames = new(random.Next());
        for (int count = random.Next(1, 20); count > 0; count--)
        {
            input.AddRange(random.Next(8) switch
            {
                0 => Records.Make(Time, [(byte)random.Next(256)]),
                1 => Records.Make(Tunnel + random.Next(Tunnels.Length), Mutation.Change(frames.NextFrame(), random)),
                _ => Records.Make(Wire, FromTheWire(random, frames.NextFrame())),
            });
        }
        return [.. input];
    }

    public IReadOnlyList<byte[]> Split(byte[] input) => Records.Split(input);

    public void Check(byte[] input)
    {
        using TunnelHost host = new(tunnels: Tunnels);
        host.LearnPeer();
        foreach ((int kind, byte[] content) in Records.Read(input))
        {
            if (kind == Time)
            {
                host.Advance(content.FirstOrDefault() * 100);
            }
            else if (kind == Wire)
            {
                if (content.Length > 0)
                {
                    host.Arrive(content);
                }
            }
            else if (content.Length >= 14)
            {
                host.Send(content, (kind - Tunnel) % Tunnels.Length);
            }
            for (int tunnel = 0; tunnel < Tunnels.Length; tunnel++)
            {
                foreach (byte[] inner in host.Received(tunnel))
                {
                    Assert.True(inner.Length >= 14, $"tunnel {tunnel} gave a frame of {inner.Length} bytes");
                }
            }
            host.Sent();
        }
        byte[] good = TestPacket.Tcp();
        host.Arrive(ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(42, good)));
        Assert.Equal(good, Assert.Single(host.Received(0)));
        // Disposing counts the frames.
    }

    private static byte[] FromTheWire(Random random, byte[] inner)
    {
        inner = random.Next(4) == 0 ? Mutation.Change(inner, random) : inner;
        uint key = random.Next(4) == 0 ? Mutation.Edge(random) : 42;
        (byte protocol, byte[] payload) = random.Next(7) switch
        {
            0 or 1 => (ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(key, inner, checksum: random.Next(2) == 0)),
            2 or 3 => (ReferenceTunnel.Gre, ReferenceTunnel.GreHeader(inner, random.Next(3) == 0 ? null : key, random.Next(2) == 0, random.Next(4) == 0 ? 7u : null)),
            4 => (ReferenceTunnel.Ipip, inner.Length > 14 ? inner[14..] : inner),
            5 => (ReferenceTunnel.Capsulator, ReferenceTunnel.Tagged(key, inner)),
            _ => ((byte)1, new byte[random.Next(60)]),
        };
        payload = random.Next(2) == 0 ? payload : Mutation.Change(payload, random);
        ushort fragment = random.Next(4) == 0 ? (ushort)((random.Next(2) << 13) | random.Next(20)) : (ushort)0;
        byte[] frame = random.Next(12) == 0
            ? TestPacket.Arp((ushort)random.Next(1, 3), 0x0a000002, 0x0a000001)
            : ReferenceTunnel.Outer(protocol, payload, tos: (byte)random.Next(256), fragment: fragment, options: random.Next(4) == 0 ? 8 : 0);
        if (random.Next(3) == 0)
        {
            frame = Mutation.Overwrite(frame, random, from: 12);
            RepairChecksum(frame);
        }
        return random.Next(6) == 0 ? frame[..random.Next(frame.Length + 1)] : frame;
    }

    /// <summary>Else little of what is damaged would be looked at.</summary>
    private static void RepairChecksum(byte[] frame)
    {
        int header = frame.Length > 14 ? (frame[14] & 15) * 4 : 0;
        if (header >= 20 && frame.Length >= 14 + header)
        {
            frame.AsSpan(24, 2).Clear();
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), TestPacket.TextbookChecksum(frame.AsSpan(14, header)));
        }
    }
}
