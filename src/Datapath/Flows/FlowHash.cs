using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Aes = System.Runtime.Intrinsics.X86.Aes;

namespace Softswitch.Datapath.Flows;

/// <summary>A keyed hash of flow keys and action lists: a sender of packets or flow-mods that does not know the secret cannot make them collide.</summary>
/// <remarks>
/// Where the processor has AES rounds: one half of the key goes through two of them before the other half is added, and both through three
/// more: after two, the half of the result that is used would depend on two bytes only of each group of four that a round mixes, and keys
/// that differ in one group would share 65,536 hashes. To make a difference in the first half vanish takes a guess at what two rounds with an
/// unknown key do to it. Elsewhere NH, the universal hash of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway 1999): with words m
/// and secret words k, (m0 + k0)(m1 + k1) + (m2 + k2)(m3 + k3), sums modulo 2^64, products 128 bits wide, which costs three times the
/// instructions; the 128 bits are folded and spread by one more multiplication, because the tables use the upper and the lower bits
/// independently. A CRC would not do: its collisions are the same under every seed.
/// </remarks>
internal readonly struct FlowHash
{
    // 2^64 divided by the golden ratio, odd: spreads consecutive values over the upper bits.
    private const ulong Spread = 0x9e37_79b9_7f4a_7c15;

    // Not vectors: code of classes with such a field is never compiled ahead of time, and a switch would start with the compiler at work.
    private readonly ulong _k0;
    private readonly ulong _k1;
    private readonly ulong _k2;
    private readonly ulong _k3;

    private FlowHash(ulong k0, ulong k1, ulong k2, ulong k3) => (_k0, _k1, _k2, _k3) = (k0, k1, k2, k3);

    private Vector128<byte> K01 => Unsafe.As<ulong, Vector128<byte>>(ref Unsafe.AsRef(in _k0)); // and _k1 behind it

    private Vector128<byte> K23 => Unsafe.As<ulong, Vector128<byte>>(ref Unsafe.AsRef(in _k2));

    /// <summary>A hash with a secret from the operating system.</summary>
    public static FlowHash CreateRandom() => new(RandomWord(), RandomWord(), RandomWord(), RandomWord());

    /// <summary>A hash with a given secret, for repeatable tests.</summary>
    public static FlowHash Create(ulong k0, ulong k1, ulong k2, ulong k3) => new(k0, k1, k2, k3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Compute(in FlowKey key)
    {
        ref Vector128<byte> halves = ref Unsafe.As<FlowKey, Vector128<byte>>(ref Unsafe.AsRef(in key));
        return Aes.IsSupported ? ComputeByAes(halves, Unsafe.Add(ref halves, 1)) : ComputeByNh(key);
    }

    /// <summary>The hash of what a mask leaves of a key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Compute(in FlowKey key, in FlowKey mask)
    {
        if (!Aes.IsSupported)
        {
            return ComputeByNh(FlowKey.And(key, mask));
        }
        ref Vector128<byte> halves = ref Unsafe.As<FlowKey, Vector128<byte>>(ref Unsafe.AsRef(in key));
        ref Vector128<byte> masks = ref Unsafe.As<FlowKey, Vector128<byte>>(ref Unsafe.AsRef(in mask));
        return ComputeByAes(halves & masks, Unsafe.Add(ref halves, 1) & Unsafe.Add(ref masks, 1));
    }

    /// <summary>The hash of any number of blocks: each is hashed together with the hash of those before it.</summary>
    public ulong Compute(ReadOnlySpan<Vector128<byte>> blocks)
    {
        ulong hash = (ulong)blocks.Length;
        foreach (Vector128<byte> block in blocks)
        {
            hash = Aes.IsSupported
                ? ComputeByAes(block, Vector128.CreateScalar(hash).AsByte())
                : ComputeByNh(block.AsUInt64().GetElement(0), block.AsUInt64().GetElement(1), hash, 0);
        }
        return hash;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong ComputeByAes(Vector128<byte> first, Vector128<byte> second)
    {
        Vector128<byte> k01 = K01;
        Vector128<byte> k23 = K23;
        Vector128<byte> state = Aes.Encrypt(Aes.Encrypt(first ^ k01, k23), second);
        return Aes.Encrypt(Aes.Encrypt(Aes.Encrypt(state, k01), k23), k01).AsUInt64().ToScalar();
    }

    private ulong ComputeByNh(in FlowKey key)
    {
        ref ulong words = ref Unsafe.As<FlowKey, ulong>(ref Unsafe.AsRef(in key));
        return ComputeByNh(words, Unsafe.Add(ref words, 1), Unsafe.Add(ref words, 2), Unsafe.Add(ref words, 3));
    }

    private ulong ComputeByNh(ulong m0, ulong m1, ulong m2, ulong m3)
    {
        ulong highA = Math.BigMul(m0 + _k0, m1 + _k1, out ulong lowA);
        ulong highB = Math.BigMul(m2 + _k2, m3 + _k3, out ulong lowB);
        ulong low = lowA + lowB;
        ulong high = highA + highB + (low < lowA ? 1UL : 0UL);
        ulong mixed = (low ^ (high >> 32) ^ (high << 32)) * Spread;
        return mixed ^ (mixed >> 32);
    }

    /// <summary>64 bits of the system's generator for secrets, which <see cref="Guid.NewGuid"/> asks too.</summary>
    /// <remarks>
    /// RandomNumberGenerator would load OpenSSL, the longest single step of a start. Six bits of a GUID are fixed (RFC 9562 §5.4), at other places in one half
    /// than in the other: together the halves have 64 that are not.
    /// </remarks>
    private static ulong RandomWord()
    {
        Guid random = Guid.NewGuid();
        ref ulong halves = ref Unsafe.As<Guid, ulong>(ref random);
        return halves ^ Unsafe.Add(ref halves, 1);
    }
}
