using System.Numerics;

namespace Softswitch.Lab.Measures;

/// <summary>Buckets a sixteenth of a power of two wide for durations in nanoseconds, as processes and BPF programs count them.</summary>
internal static class LatencyBuckets
{
    public const int SubBits = 4;
    public const int SubCount = 1 << SubBits;
    public const int Count = 64 * SubCount;

    /// <summary>Values below 16 have a bucket each; above, the four bits behind the leading one pick one of sixteen.</summary>
    public static int BucketOf(long value)
    {
        if (value < SubCount)
        {
            return (int)value;
        }
        int shift = BitOperations.Log2((ulong)value) - SubBits;
        return ((shift + 1) << SubBits) + (int)((value >> shift) - SubCount);
    }

    public static long LowerBound(int bucket)
    {
        int shift = (bucket >> SubBits) - 1;
        return shift < 0 ? bucket : (long)(SubCount + (bucket & (SubCount - 1))) << shift;
    }

    public static long UpperBound(int bucket) => bucket + 1 < 60 * SubCount ? LowerBound(bucket + 1) - 1 : long.MaxValue;
}
