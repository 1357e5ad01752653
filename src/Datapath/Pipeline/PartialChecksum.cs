using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Where the frames of a finished packet go. Takes ownership; they owe nothing any more.</summary>
internal interface IFrameSink
{
    void Take(in Packet frame);
}

/// <summary>Finishes what a packet still owes before it goes where that is not understood.</summary>
internal static unsafe class PartialChecksum
{
    /// <summary>Ends the ownership of <paramref name="packet"/>: its finished frames are in the sink, or it was dropped.</summary>
    /// <param name="account">Of the side it is on: it is used up there, and its segments are made there.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Finish<TSink>(Packet packet, FrameCache frames, PacketAccount* account, TSink sink)
        where TSink : struct, IFrameSink
    {
        if ((packet.Flags & PacketFlags.NeedsSegmentation) != 0)
        {
            Cut(packet, frames, account, sink);
        }
        else if (ChecksumFinisher.TryFinish(ref packet, frames))
        {
            sink.Take(packet);
        }
        else
        {
            frames.Drop(packet, DropReason.BadOffload, account);
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

    private static void Cut<TSink>(in Packet segment, FrameCache frames, PacketAccount* account, TSink sink)
        where TSink : struct, IFrameSink
    {
        if (!GsoSegmenter.TryBegin(segment, frames, out GsoSegmenter segmenter))
        {
            frames.Drop(segment, DropReason.BadOffload, account);
            return;
        }
        if (segmenter.IsTiny)
        {
            frames.Drop(segment, DropReason.TinySegments, account);
            return;
        }
        account->Used++;
        account->Made += (uint)segmenter.Remaining;
        while (segmenter.TryNext(out Packet frame))
        {
            KeepTunnel(segment, ref frame, frames);
            sink.Take(frame);
        }
        account->CountDrops(DropReason.NoFrame, segmenter.Remaining);
        frames.Release(segment);
    }
}
