using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>Verifies the checksums of frames as they come from the wire of a <see cref="WireTap"/>. Threads: the tap's counts; others read.</summary>
internal sealed class ChecksumTally
{
    private long _verified;
    private long _partial;

    /// <param name="filter">Which frames.</param>
    public ChecksumTally(WireTap tap, string what, FrameFilter filter)
    {
        Name = what;
        Wrong = tap.Count($"wrong checksum: {what}", (in frame) => !frame.IsOutgoing && filter(frame) && !Verify(frame));
    }

    /// <summary>For people.</summary>
    public string Name { get; }

    /// <summary>Frames whose IP or TCP checksum does not fit.</summary>
    public FrameCount Wrong { get; }

    /// <summary>Frames whose checksums were computed anew and compared, wrong ones among them.</summary>
    public long Verified => Volatile.Read(ref _verified);

    /// <summary>Frames that could not be: the sender's kernel left the checksum to a card that is not there, or the capture has not all of them.</summary>
    public long PartialChecksum => Volatile.Read(ref _partial);

    private bool Verify(in FrameView frame)
    {
        if (frame.HasRightTransportChecksum is not { } isRight)
        {
            Volatile.Write(ref _partial, _partial + 1);
            return true;
        }
        Volatile.Write(ref _verified, _verified + 1);
        return isRight && frame.HasRightHeaderChecksum;
    }
}
