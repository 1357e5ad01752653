using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Pipeline;

/// <summary>
/// What a packet costs a worker, estimated before it is executed, in units: one for each output and eight rewrites, and for each output one for each
/// 4 KiB that may be copied and each frame that may be cut.
/// </summary>
/// <remarks>A unit takes 0.1 to 1 µs, by the port. A 64-byte packet with one output is one unit.</remarks>
internal static unsafe class PacketCost
{
    /// <summary>The greatest cost of a packet that is executed with its batch: a segment of 64 KiB that is cut for an MTU of 1,500 bytes costs 63.</summary>
    public const int Plain = ActionList.MostPlainWeight;

    /// <summary>The cost of one queue in a pass. If its packets cost more, it skips passes to pay. Full batches of plain traffic cost less.</summary>
    public const int Share = 256;

    /// <summary>The cost that a pass spends on packets above <see cref="Plain"/>; the next pass goes on with the rest.</summary>
    public const int Slice = 512;

    /// <summary>The greatest cost of one packet. An entry with all outputs that a message can hold, 8,190, costs less for packets below 4 KiB.</summary>
    public const int Most = 16384;

    // With at most so many ports, a short list costs at most Plain for a packet below 4 KiB.
    private const int MostPlainPorts = Plain - ActionList.MostShortWeight;

    /// <summary>Whether there are so many ports that one flood may cost more than <see cref="Plain"/>.</summary>
    public static bool AreMany(int ports) => ports > MostPlainPorts;

    /// <param name="ports">The switch's number of ports.</param>
    /// <param name="normal">The number of ports that NORMAL sends to.</param>
    public static int Of(ActionsReference actions, in Packet packet, FrameCache frames, int ports, int normal) =>
        actions.IsPort || actions.IsDrop
            ? OfOutput(packet, frames)
            : Of(actions.List->Weight + ((long)actions.List->Floods * ports) + ((long)actions.List->Normals * normal), packet, frames);

    /// <summary>The cost of a number of outputs.</summary>
    public static int Of(long outputs, in Packet packet, FrameCache frames) => (int)Math.Min(outputs * OfOutput(packet, frames), int.MaxValue);

    /// <summary>The cost of one action, at its place in a list.</summary>
    public static int Of(in FlowAction action, int place, in Packet packet, FrameCache frames, int ports) =>
        action.IsOutput ? Of(action.IsFlood ? ports : action.Weight, packet, frames) : place % ActionList.RewritesPerUnit == 0 ? 1 : 0;

    private static int OfOutput(in Packet packet, FrameCache frames)
    {
        int units = 1 + (packet.Length >> 12);
        return (packet.Flags & PacketFlags.NeedsSegmentation) == 0 ? units : units + GsoSegmenter.MostFrames(packet, frames);
    }
}
