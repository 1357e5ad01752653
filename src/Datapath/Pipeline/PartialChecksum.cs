using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Where the frames of a finished packet go. Takes ownership; they owe nothing any more.</summary>
internal interface IFrameSink
{
    void Take(in Packet frame);
}

/// <summary>Finishes what a packet still owes before it goes where that is not understood.</summary>
internal static class PartialChecksum
{
    /// <summary>Ends the ownership of <paramref name="packet"/>: its finished frames are in the sink, or it was released and counted.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Finish<TSink>(Packet packet, FrameCache frames, DropCounters drops, TSink sink)
        where TSink : struct, IFrameSink
    {
        if ((packet.Flags & PacketFlags.NeedsSegmentation) != 0)
        {
            Cut(packet, frames, drops, sink);
        }
        else if (ChecksumFinisher.TryFinish(ref packet, frames))
        {
            sink.Take(packet);
        }
        else
        {
            drops.Count(DropReason.BadOffload);
            frames.Release(packet);
        }
    }

    /// <summary>What is cut from a packet goes where the packet was to go.</summary>
    public static void KeepTunnel(in Packet whole, ref Packet part, FrameCache frames)
    {
        if ((whole.Flags & PacketFlags.HasTunnel) != 0)
        {
            frames.Tunnel(part) = frames.Tunnel(whole);
            part.Flags |= PacketFlags.HasTunnel;
        }
    }

    private static void Cut<TSink>(in Packet segment, FrameCache frames, DropCounters drops, TSink sink)
        where TSink : struct, IFrameSink
    {
        if (GsoSegmenter.TryBegin(segment, frames, out GsoSegmenter segmenter))
        {
            while (segmenter.TryNext(out Packet frame))
            {
                KeepTunnel(segment, ref frame, frames);
                sink.Take(frame);
            }
            drops.Count(DropReason.NoFrame, segmenter.Remaining);
        }
        else
        {
            drops.Count(DropReason.BadOffload);
        }
        frames.Release(segment);
    }
}
