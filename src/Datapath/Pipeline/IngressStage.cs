using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Treats one worker's packets before the flow table: drops, bridges, reassembles or admits them.</summary>
/// <remarks>
/// In this order: a runt ends, so does what a closed port must not receive; an 802.1D frame goes to spanning tree; the secure channel's own
/// packet is bridged; a fragment is treated as the switch is configured (OFPC_FRAG_*). A fragment is what the parser calls one: behind at
/// most one tag, its header whole. Those in 802.3 frames (SNAP) are dropped where fragments are, but not reassembled: what they make does
/// not fit an 802.3 length.
/// </remarks>
internal sealed unsafe class IngressStage : IDisposable
{
    // Network headers behind an 802.2 SNAP header lie further back.
    private const int LastEthernetNetworkOffset = 18;

    private readonly ActionExecutor _executor;
    private readonly BpduExchange _bpdus;
    private readonly Reassembler _reassembler;
    private uint _now;

    public IngressStage(WorkerShared shared, FrameCache frames, ActionExecutor executor, BpduExchange bpdus)
    {
        _executor = executor;
        _bpdus = bpdus;
        _reassembler = new Reassembler(
            shared.MaxReassemblies, (uint)shared.ReassemblyTimeout.TotalMilliseconds, shared.Table.Hash, frames);
    }

    public PipelineSettings Settings { get; set; } = new();

    /// <summary>Frames held for datagrams in the making.</summary>
    public int HeldFrameCount => _reassembler.HeldFrameCount;

    /// <summary>Once per pass; gives up datagrams that timed out, or that cannot be completed under the new settings.</summary>
    /// <param name="now">Worker clock in milliseconds.</param>
    public void BeginPass(uint now)
    {
        _now = now;
        if (_reassembler.Count == 0)
        {
            return;
        }
        if (Settings.Fragments == FragmentHandling.Reassemble)
        {
            _reassembler.Expire(now);
        }
        else
        {
            _reassembler.Clear();
        }
    }

    /// <summary>
    /// Removes the packets from a parsed batch that do not go on to the table, and closes the gaps. The stage has given them to other owners.
    /// </summary>
    /// <param name="hasRunts">Whether any packet may be one.</param>
    /// <param name="port">The port that received the packets; null for packets that a packet-out sends through the table.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Admit(PipelineBatch batch, bool hasRunts, SwitchPort? port)
    {
        bool asksPort = hasRunts || (port != null && port.IsSelective);
        if (asksPort || Settings.InBand != null || Settings.Fragments != FragmentHandling.Normal)
        {
            AdmitEach(batch, asksPort ? port : null);
        }
    }

    /// <summary>A controller may have been given a reassembled datagram whole: when it sends one, that may be cut again.</summary>
    public void AllowRefragmenting(ref Packet packet)
    {
        if (Settings.Fragments == FragmentHandling.Reassemble && !packet.HasOffload)
        {
            packet.Flags |= PacketFlags.MayFragment;
        }
    }

    /// <summary>Drops the fragments held for ports that are gone, as their accounts end.</summary>
    public void Abandon(PacketAccount* account) => _reassembler.Abandon(account);

    public void Dispose() => _reassembler.Dispose();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void AdmitEach(PipelineBatch batch, SwitchPort? port)
    {
        FlowKey* keys = batch.Keys;
        HeaderOffsets* layouts = batch.Layouts;
        InBandTraffic? inBand = Settings.InBand;
        int kept = 0;
        uint bytes = 0;
        PacketFlags flags = PacketFlags.None;
        for (int i = 0; i < batch.Count; i++)
        {
            ref Packet packet = ref Unsafe.Add(ref batch.First, i);
            if (port != null && IsTaken(packet, keys[i], port))
            {
                continue;
            }
            if (inBand != null && inBand.Includes(keys[i], packet, layouts[i])) // §4.2: "not checked against the flow table"
            {
                _executor.Trace?.PassesInBand();
                _executor.Bridge(packet, keys[i], keys[i].InPort);
                continue;
            }
            if ((layouts[i].Flags & HeaderFlags.Fragment) != 0 && !TryPassFragment(ref packet, keys + i, layouts + i))
            {
                continue;
            }
            bytes += (uint)packet.Length;
            flags |= packet.Flags;
            if (kept != i)
            {
                Unsafe.Add(ref batch.First, kept) = packet;
                keys[kept] = keys[i];
                layouts[kept] = layouts[i];
            }
            kept++;
        }
        batch.Packets.Truncate(kept);
        batch.Bytes = bytes;
        batch.Flags = flags;
    }

    /// <summary>Whether the packet ends at its port: dropped, or spanning tree's.</summary>
    private bool IsTaken(in Packet packet, in FlowKey key, SwitchPort port)
    {
        if (packet.Length < FlowKeyParser.MinLength)
        {
            _executor.Drop(packet, DropReason.Runt);
            return true;
        }
        bool isBpdu = key.DlDst == MacAddress.BridgeGroup;
        if ((port.Config & (PortConfig.PortDown | (isBpdu ? PortConfig.NoReceiveStp : PortConfig.NoReceive))) != 0)
        {
            _executor.Drop(packet, DropReason.IngressClosed);
            return true;
        }
        if (!isBpdu || (port.BridgeFlags & BridgePortFlags.TakesBpdus) == 0)
        {
            return false;
        }
        if (_bpdus.TryTake(packet, port)) // §4.5: processed locally before performing flow lookup
        {
            _executor.Ingress->Used++;
        }
        else
        {
            _executor.Drop(packet, DropReason.BpduQueueFull);
        }
        return true;
    }

    /// <summary>
    /// Whether a fragment goes on to the table: as it is, or, with key and layout of its own, as the datagram it completes.
    /// </summary>
    /// <returns>False: its ownership has ended here.</returns>
    private bool TryPassFragment(ref Packet packet, FlowKey* key, HeaderOffsets* layout)
    {
        if (Settings.Fragments == FragmentHandling.Drop)
        {
            _executor.Drop(packet, DropReason.Fragment);
            return false;
        }
        if (Settings.Fragments == FragmentHandling.Normal || layout->NetworkOffset > LastEthernetNetworkOffset)
        {
            return true;
        }
        if (!_reassembler.TryComplete(packet, *key, layout->NetworkOffset, _executor.Ingress, _now, out Packet datagram))
        {
            return false;
        }
        packet = datagram;
        FlowKeyParser.Parse(packet.Data, packet.Length, key->InPort, key, layout);
        return true;
    }
}
