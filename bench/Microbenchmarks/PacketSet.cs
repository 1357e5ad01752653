using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Microbenchmarks;

/// <summary>Packets of different flows in frames of a pool, with their keys: the same in every run.</summary>
internal sealed unsafe class PacketSet : IDisposable
{
    /// <summary>Packets of a benchmark's one invocation.</summary>
    public const int Count = 1024;

    private const int Seed = 20_100_103;

    private readonly FramePool _pool = new(2 * Count, largeFrameCount: 1);

    public PacketSet(int flows)
    {
        Frames = _pool.CreateCache();
        Keys = new FlowKey[Count];
        Layouts = new HeaderOffsets[Count];
        Packets = new Packet[Count];
        var random = new Random(Seed);
        for (int i = 0; i < Count; i++)
        {
            byte[] frame = FrameOf(random.Next(flows));
            Frames.TryRent(out Packets[i]);
            Packets[i].Length = frame.Length;
            frame.CopyTo(Packets[i].Bytes);
            fixed (FlowKey* key = &Keys[i])
            fixed (HeaderOffsets* layout = &Layouts[i])
            {
                FlowKeyParser.Parse(Packets[i].Data, Packets[i].Length, 1, key, layout);
            }
        }
    }

    public FrameCache Frames { get; }

    public Packet[] Packets { get; }

    public FlowKey[] Keys { get; }

    public HeaderOffsets[] Layouts { get; }

    public static byte[] FrameOf(int flow) => TestPacket.Tcp(src: 0x0a00_0000 + (uint)flow, dst: DestinationOf(flow), srcPort: (ushort)(1024 + (flow & 0x3fff)), payload: 6);

    /// <summary>The entry without wildcards for a flow.</summary>
    public static FlowMatch MatchOf(int flow) => new()
    {
        InPort = 1,
        DlSrc = new(TestPacket.DefaultSource),
        DlDst = new(TestPacket.DefaultDestination),
        DlVlan = FlowMatch.VlanNone,
        DlType = 0x0800,
        NwProto = 6,
        NwSrc = 0x0a00_0000 + (uint)flow,
        NwDst = DestinationOf(flow),
        TpSrc = (ushort)(1024 + (flow & 0x3fff)),
        TpDst = 80,
    };

    public static uint DestinationOf(int flow) => 0x0b00_0000 | (((uint)flow * 0x9e_3779) & 0x00ff_ffff);

    public void Dispose() => _pool.Dispose();
}
