namespace Softswitch.Ports;

/// <summary>How many slots a ring shared with the kernel may have.</summary>
internal static class RingSlots
{
    public const int Least = 32;

    /// <summary>The rule in words, for errors.</summary>
    public const string Rule = "a ring has a power of two from 32 to 65536 slots";

    public static bool IsValid(int count) => count is >= Least and <= 65536 && int.IsPow2(count);
}
