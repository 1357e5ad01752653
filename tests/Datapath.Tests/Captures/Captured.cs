using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Tests.Captures;

/// <summary>A captured packet, copied out of its ring.</summary>
internal sealed record Captured(CapturePoints Point, bool IsEgress, ushort Port, int Length, DropReason Reason, long Ticks, string Hex)
{
    /// <summary>All that is there, in order.</summary>
    public static List<Captured> ReadAll(Capture capture, long before = long.MaxValue)
    {
        List<Captured> all = [];
        while (capture.TryRead(before, out CaptureRecord head, out ReadOnlySpan<byte> bytes))
        {
            all.Add(new(head.Point, head.IsEgress, head.Port, head.Length, head.Reason, head.Ticks, Convert.ToHexString(bytes)));
        }
        capture.Release();
        return all;
    }
}
