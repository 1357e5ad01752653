using System.Runtime.CompilerServices;

namespace Softswitch.NetFpga.Registers;

/// <summary>Match value or mask: 256 bits, bit b being bit b mod 32 of word b div 32.</summary>
[InlineArray(Count)]
internal struct KeyWords : IEquatable<KeyWords>
{
    public const int Count = 8;

    private uint _word;

    public readonly bool Equals(KeyWords other) => ((ReadOnlySpan<uint>)this).SequenceEqual(other);

    public override readonly bool Equals(object? obj) => obj is KeyWords other && Equals(other);

    public override readonly int GetHashCode() => HashCode.Combine(this[0], this[1], this[2], this[3], this[4], this[5], this[6], this[7]);

    public static bool operator ==(KeyWords left, KeyWords right) => left.Equals(right);

    public static bool operator !=(KeyWords left, KeyWords right) => !left.Equals(right);
}

/// <summary>What becomes of a frame: destination bitmap, flags and values of rewrites. 320 bits, in words as <see cref="KeyWords"/>.</summary>
[InlineArray(Count)]
internal struct ActionWords : IEquatable<ActionWords>
{
    public const int Count = 10;

    private uint _word;

    public readonly bool Equals(ActionWords other) => ((ReadOnlySpan<uint>)this).SequenceEqual(other);

    public override readonly bool Equals(object? obj) => obj is ActionWords other && Equals(other);

    public override readonly int GetHashCode() => HashCode.Combine(this[0], this[1], this[2], this[3], this[4], this[5], this[6], this[7]);

    public static bool operator ==(ActionWords left, ActionWords right) => left.Equals(right);

    public static bool operator !=(ActionWords left, ActionWords right) => !left.Equals(right);
}

/// <summary>One row of the wildcard table.</summary>
/// <param name="Mask">1 bits are not compared.</param>
internal readonly record struct RowImage(KeyWords Value, KeyWords Mask, ActionWords Action);

/// <summary>One slot of the exact table.</summary>
/// <param name="Value">With the active bit.</param>
internal readonly record struct SlotImage(KeyWords Value, ActionWords Action);
