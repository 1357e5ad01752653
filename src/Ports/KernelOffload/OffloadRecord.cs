using System.Runtime.CompilerServices;
using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.KernelOffload;

/// <summary>An action list as the program reads it: a spare word, then the actions.</summary>
[InlineArray(1 + OffloadLayout.MostActions)]
internal struct OffloadRecord : IEquatable<OffloadRecord>
{
    private ulong _first;

    public static ulong Action(OffloadAction kind, ulong value = 0) => (ulong)kind | (value << ActionProgram.ValueBits);

    /// <summary>With the address as it stands in a packet.</summary>
    public static ulong Action(OffloadAction kind, MacAddress address)
    {
        ulong word = (ulong)kind;
        Unsafe.WriteUnaligned(ref Unsafe.AddByteOffset(ref Unsafe.As<ulong, byte>(ref word), ActionProgram.ValueBits / 8), address);
        return word;
    }

    public readonly bool Equals(OffloadRecord other) => ((ReadOnlySpan<ulong>)this).SequenceEqual(other);

    public override readonly bool Equals(object? obj) => obj is OffloadRecord other && Equals(other);

    public override readonly int GetHashCode()
    {
        HashCode hash = default;
        foreach (ulong word in this)
        {
            hash.Add(word);
        }
        return hash.ToHashCode();
    }
}
