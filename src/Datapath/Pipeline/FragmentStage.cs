using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Treats one worker's IPv4 fragments as the switch is configured (OFPC_FRAG_*), before the flow table sees them.</summary>
/// <remarks>
/// A fragment is what the parser calls one: behind at most one tag, its header whole. Those in 802.3 frames (SNAP) are dropped where
/// fragments are, but not reassembled: what they make does not fit an 802.3 length.
/// </remarks>
internal sealed unsafe class FragmentStage : IDisposable
{
    // Network headers behind an 802.2 SNAP header lie further back.
    private const int LastEthernetNetworkOffset = 18;

    private readonly WorkerShared _shared;
    private readonly FrameCache _frames;
    private readonly DropCounters _drops;
    private readonly Reassembler _reassembler;
    private FragmentHandling _handling;
    private uint _now;

    public FragmentStage(WorkerShared shared, FrameCache frames, DropCounters drops)
    {
        _shared = shared;
        _frames = frames;
        _drops = drops;
        _reassembler = new Reassembler(
            shared.MaxReassemblies, (uint)shared.ReassemblyTimeout.TotalMilliseconds, shared.Table.Hash, frames, drops);
    }

    /// <summary>Whether fragments are treated in any way at all.</summary>
    public bool IsActive => _handling != FragmentHandling.Normal;

    /// <summary>Frames held for datagrams in the making.</summary>
    public int HeldFrameCount => _reassembler.HeldFrameCount;

    /// <summary>Once per pass: the configuration holds for all of it; what is over is given up.</summary>
    public void BeginPass(uint now)
    {
        _now = now;
        _handling = _shared.FragmentHandling;
        if (_reassembler.Count == 0)
        {
            return;
        }
        if (_handling == FragmentHandling.Reassemble)
        {
            _reassembler.Expire(now);
        }
        else
        {
            _reassembler.Clear(); // nobody will complete them
        }
    }

    /// <summary>Takes the fragments out of a parsed batch, puts what was completed in, and closes the gaps.</summary>
    /// <returns>Packets that are left.</returns>
    public int Filter(ref Packet packets, FlowKey* keys, HeaderOffsets* layouts, int count)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            ref Packet packet = ref Unsafe.Add(ref packets, i);
            if ((layouts[i].Flags & HeaderFlags.Fragment) != 0 && !TryPass(ref packet, ref keys[i], ref layouts[i]))
            {
                continue;
            }
            if (kept != i)
            {
                Unsafe.Add(ref packets, kept) = packet;
                keys[kept] = keys[i];
                layouts[kept] = layouts[i];
            }
            kept++;
        }
        return kept;
    }

    /// <summary>Whether a packet goes on to the table: as it is, or, with key and layout of its own, as the datagram it completes.</summary>
    /// <returns>False: its ownership has ended here.</returns>
    public bool TryPass(ref Packet packet, ref FlowKey key, ref HeaderOffsets layout)
    {
        if ((layout.Flags & HeaderFlags.Fragment) == 0 || !IsActive)
        {
            return true;
        }
        if (_handling == FragmentHandling.Drop)
        {
            _drops.Count(DropReason.Fragment);
            _frames.Release(packet);
            return false;
        }
        if (layout.NetworkOffset > LastEthernetNetworkOffset)
        {
            return true;
        }
        if (!_reassembler.TryComplete(packet, key, layout.NetworkOffset, _now, out Packet datagram))
        {
            return false;
        }
        packet = datagram;
        ushort inPort = key.InPort;
        FlowKey whole;
        HeaderOffsets wholeLayout;
        FlowKeyParser.Parse(datagram.Data, datagram.Length, inPort, &whole, &wholeLayout);
        key = whole;
        layout = wholeLayout;
        return true;
    }

    /// <summary>A controller may have been given a reassembled datagram whole: when it sends one, that may be cut again.</summary>
    public void AllowRefragmenting(ref Packet packet)
    {
        if (_handling == FragmentHandling.Reassemble && !packet.HasOffload)
        {
            packet.Flags |= PacketFlags.MayFragment;
        }
    }

    public void Dispose() => _reassembler.Dispose();
}
