using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Pipeline;

/// <summary>A batch on its way through a worker's stages, with what each finds out for the next.</summary>
/// <remarks>Threads: one worker.</remarks>
internal sealed unsafe class PipelineBatch : IDisposable
{
    private readonly NativeArray<FlowKey> _keys = new(PacketBatch.Capacity);
    private readonly NativeArray<HeaderOffsets> _layouts = new(PacketBatch.Capacity);
    private readonly NativeArray<uint> _found = new(PacketBatch.Capacity);

    public PacketBatch Packets { get; } = new();

    public BatchLookup Lookup { get; } = new();

    /// <summary>Of each packet, as everything below.</summary>
    public ref Packet First => ref Packets.First;

    public FlowKey* Keys => _keys.Start;

    public HeaderOffsets* Layouts => _layouts.Start;

    /// <summary>The entry of each packet; 0 for a miss.</summary>
    public uint* Found => _found.Start;

    public int Count => Packets.Count;

    /// <summary>Of all packets.</summary>
    public uint Bytes { get; set; }

    /// <summary>At least those that any of the packets has.</summary>
    public PacketFlags Flags { get; set; }

    public ushort InPort { get; set; }

    /// <summary>The account of packets that reach no egress.</summary>
    public PacketAccount* Ingress { get; set; }

    /// <summary>The backlog for packets that cost more than a pass may take.</summary>
    public Backlog Backlog { get; set; } = null!; // set before the batch has packets

    /// <summary>Finds keys, layouts and the sums of the whole batch; returns whether any packet is a runt.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // its loop needs the registers
    public bool Parse()
    {
        ref Packet packets = ref First;
        FlowKey* keys = Keys;
        HeaderOffsets* layouts = Layouts;
        int count = Count;
        ushort inPort = InPort;
        bool runts = false;
        uint bytes = 0;
        PacketFlags flags = PacketFlags.None;
        for (int i = 0; i < count; i++)
        {
            ref Packet packet = ref Unsafe.Add(ref packets, i); // i < count <= PacketBatch.Capacity, the length of all three arrays
            bytes += (uint)packet.Length;
            flags |= packet.Flags;
            runts |= packet.Length < FlowKeyParser.MinLength;
            FlowKeyParser.Parse(packet.Data, packet.Length, inPort, keys + i, layouts + i);
        }
        Bytes = bytes;
        Flags = flags;
        return runts;
    }

    /// <summary>Forgets the packets from <paramref name="count"/> on; their frames have found other owners.</summary>
    public void Truncate(int count)
    {
        Packets.Truncate(count);
        Bytes = 0;
        foreach (ref readonly Packet packet in Packets.Packets)
        {
            Bytes += (uint)packet.Length;
        }
    }

    /// <summary>Charges the batch's copies to its queue. No estimate covers floods and short lists, but many such packets make many copies.</summary>
    /// <param name="before">The ingress account's count of made packets before the batch.</param>
    /// <returns>The copies made since.</returns>
    public int Charge(ulong before)
    {
        int made = (int)(Ingress->Made - before);
        Backlog.Debt += Math.Max(0, made - PacketCost.Share);
        return made;
    }

    public void Dispose()
    {
        _keys.Dispose();
        _layouts.Dispose();
        _found.Dispose();
        Lookup.Dispose();
    }
}
