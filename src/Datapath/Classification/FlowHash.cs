using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Softswitch.Datapath.Classification;

/// <summary>A keyed hash of a flow key: whoever sends packets without knowing the secret cannot make them collide.</summary>
/// <remarks>
/// NH, the universal hash of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway 1999): with words m and secret words k,
/// (m0 + k0)(m1 + k1) + (m2 + k2)(m3 + k3), sums modulo 2^64, products 128 bits wide. Two fixed keys collide with probability
/// at most 2^-64 over the secret. A CRC would not do: its collisions are the same under every seed. The 128 bits are folded
/// and spread by one more multiplication, because the tables use the upper and the lower bits independently. Two multiplications that overlap cost
/// less than a vector detour, and the result is the same on every machine.
/// </remarks>
public readonly struct FlowHash
{
    // 2^64 divided by the golden ratio, odd: spreads consecutive values over the upper bits.
    private const ulong Spread = 0x9e37_79b9_7f4a_7c15;

    private readonly ulong _k0;
    private readonly ulong _k1;
    private readonly ulong _k2;
    private readonly ulong _k3;

    private FlowHash(ReadOnlySpan<ulong> secret)
    {
        _k0 = secret[0];
        _k1 = secret[1];
        _k2 = secret[2];
        _k3 = secret[3];
    }

    /// <summary>A hash with a secret from the operating system.</summary>
    public static FlowHash CreateRandom()
    {
        Span<ulong> secret = stackalloc ulong[4];
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(secret));
        return new FlowHash(secret);
    }

    /// <summary>A hash with a given secret, for repeatable tests.</summary>
    public static FlowHash Create(ulong k0, ulong k1, ulong k2, ulong k3) => new([k0, k1, k2, k3]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Compute(in FlowKey key)
    {
        ref ulong words = ref Unsafe.As<FlowKey, ulong>(ref Unsafe.AsRef(in key));
        ulong highA = Math.BigMul(words + _k0, Unsafe.Add(ref words, 1) + _k1, out ulong lowA);
        ulong highB = Math.BigMul(Unsafe.Add(ref words, 2) + _k2, Unsafe.Add(ref words, 3) + _k3, out ulong lowB);
        ulong low = lowA + lowB;
        ulong high = highA + highB + (low < lowA ? 1UL : 0UL);
        ulong mixed = (low ^ (high >> 32) ^ (high << 32)) * Spread;
        return mixed ^ (mixed >> 32);
    }
}
