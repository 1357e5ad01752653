namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>A row's two counters of 32 bits: the difference since the last look (docs/netfpga-hardware.md, counters).</summary>
internal struct RowCounter
{
    // More packets than four wires bring in eight seconds, by far: the counter did not run, it began anew.
    private const uint MostPackets = 1u << 31;

    // A frame's length has 12 bits; what hits between the reading of packets and of bytes is far below the slack.
    private const uint LongestFrame = 4095;
    private const uint Slack = 1u << 31;

    private uint _packets;
    private uint _bytes;

    public (uint Packets, uint Bytes) Advance(uint packets, uint bytes)
    {
        (uint Packets, uint Bytes) difference = (packets - _packets, bytes - _bytes);
        (_packets, _bytes) = (packets, bytes);
        bool isNewStart = difference.Packets > MostPackets || difference.Bytes > ((ulong)difference.Packets * LongestFrame) + Slack;
        return isNewStart ? (packets, bytes) : difference;
    }

    /// <summary>The card may have been reset: what counts below the last look starts anew (docs/netfpga-hardware.md, rule 14).</summary>
    public (uint Packets, uint Bytes) AdvanceAfterLoss(uint packets, uint bytes)
    {
        if (packets < _packets || bytes < _bytes)
        {
            this = default;
        }
        return Advance(packets, bytes);
    }
}
