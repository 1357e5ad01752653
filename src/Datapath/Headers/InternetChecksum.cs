using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Softswitch.Datapath.Headers;

/// <summary>The one's complement checksum of IPv4, TCP, UDP and ICMP (RFC 1071), whole and incremental (RFC 1624).</summary>
/// <remarks>
/// Byte order: sums and checksums are <em>raw</em>: 16-bit words as they stand in memory, read without swapping (what
/// <see cref="Be16.Raw"/> holds). The one's complement sum commutes with swapping bytes (RFC 1071 §2 B), so nothing is ever
/// swapped; a number in host order must go through <see cref="Be16.FromHost"/> first.
/// </remarks>
internal static class InternetChecksum
{
    // Below this the set-up of the vector loop costs more than it saves.
    private const int VectorThreshold = 64;

    /// <summary>Adds the words of <paramref name="data"/> to <paramref name="sum"/>. A last odd byte counts as a word padded with zero.</summary>
    /// <param name="data">Starts at an even distance from the first byte of the checksummed whole, whatever its address.</param>
    /// <param name="sum">What was added so far: the result of an earlier call, or 0.</param>
    /// <returns>An unfolded sum, below 2^48 for anything that fits a packet.</returns>
    public static ulong Add(ReadOnlySpan<byte> data, ulong sum = 0) =>
        Vector256.IsHardwareAccelerated && data.Length >= VectorThreshold ? AddVector(data, sum) : AddScalar(data, sum);

    /// <summary>Folds a sum to 16 bits, not complemented: what the kernel leaves in a field whose checksum is to be finished.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Fold(ulong sum)
    {
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        uint folded = (uint)(sum & 0xffff) + (uint)(sum >> 16);
        folded = (folded & 0xffff) + (folded >> 16);
        return (ushort)folded;
    }

    /// <summary>The checksum that goes into the packet: the folded sum's complement.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Finish(ulong sum) => (ushort)~Fold(sum);

    /// <summary>As <see cref="Finish"/> for UDP, where 0 means "no checksum" and is sent as 0xffff, the other zero of one's complement (RFC 768).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort FinishUdp(ulong sum)
    {
        ushort checksum = Finish(sum);
        return checksum == 0 ? (ushort)0xffff : checksum;
    }

    /// <summary>The checksum of <paramref name="data"/>; over data that contains its own right checksum the result is 0.</summary>
    public static ushort Compute(ReadOnlySpan<byte> data) => Finish(Add(data));

    /// <summary>A checksum after one 16-bit word changed: HC' = ~(~HC + ~m + m') (RFC 1624 equation 3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Update(ushort checksum, ushort oldWord, ushort newWord)
    {
        uint sum = (uint)(ushort)~checksum + (ushort)~oldWord + newWord;
        sum = (sum & 0xffff) + (sum >> 16);
        sum += sum >> 16;
        return (ushort)~sum;
    }

    /// <summary>A checksum after an aligned pair of words changed, such as an IPv4 address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Update(ushort checksum, uint oldWords, uint newWords)
    {
        ulong sum = (ulong)(ushort)~checksum + ~oldWords + newWords;
        return (ushort)~Fold(sum);
    }

    /// <summary>As <see cref="Update(ushort, ushort, ushort)"/> for UDP: no checksum stays none, and none is never made.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort UpdateUdp(ushort checksum, ushort oldWord, ushort newWord)
    {
        if (checksum == 0)
        {
            return 0;
        }
        ushort updated = Update(checksum, oldWord, newWord);
        return updated == 0 ? (ushort)0xffff : updated;
    }

    /// <summary>As <see cref="Update(ushort, uint, uint)"/> for UDP: no checksum stays none, and none is never made.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort UpdateUdp(ushort checksum, uint oldWords, uint newWords)
    {
        if (checksum == 0)
        {
            return 0;
        }
        ushort updated = Update(checksum, oldWords, newWords);
        return updated == 0 ? (ushort)0xffff : updated;
    }

    /// <summary>The sum of the pseudo-header of TCP and UDP over IPv4 (RFC 793 §3.1) or IPv6 (RFC 8200 §8.1).</summary>
    /// <param name="addresses">Source and destination as they stand in the IP header: 8 or 32 bytes.</param>
    /// <param name="protocol">The transport protocol's number.</param>
    /// <param name="transportLength">Bytes of the transport header and its payload.</param>
    public static ulong AddPseudoHeader(ReadOnlySpan<byte> addresses, byte protocol, int transportLength) =>
        AddScalar(addresses, (ulong)Be16.FromHost(protocol).Raw + Be32.FromHost((uint)transportLength).Raw);

    /// <summary>Four bytes a step into 64 bits: carries pile up in the upper half and are folded at the end.</summary>
    internal static ulong AddScalar(ReadOnlySpan<byte> data, ulong sum)
    {
        while (data.Length >= 16)
        {
            sum += (ulong)MemoryMarshal.Read<uint>(data)
                + MemoryMarshal.Read<uint>(data[4..])
                + MemoryMarshal.Read<uint>(data[8..])
                + MemoryMarshal.Read<uint>(data[12..]);
            data = data[16..];
        }
        while (data.Length >= 2)
        {
            sum += MemoryMarshal.Read<ushort>(data);
            data = data[2..];
        }
        if (data.Length > 0)
        {
            sum += BitConverter.IsLittleEndian ? data[0] : (ulong)data[0] << 8;
        }
        return sum;
    }

    /// <summary>Sixty-four bytes a step: 32-bit words are widened into 64-bit lanes, so no carry is ever lost.</summary>
    internal static ulong AddVector(ReadOnlySpan<byte> data, ulong sum)
    {
        ref byte first = ref MemoryMarshal.GetReference(data);
        Vector256<ulong> low = Vector256<ulong>.Zero;
        Vector256<ulong> high = Vector256<ulong>.Zero;
        nuint offset = 0;
        nuint end = (nuint)(data.Length & ~63);
        for (; offset < end; offset += 64) // both loads end at offset + 64 <= end <= Length
        {
            Vector256<uint> a = Vector256.LoadUnsafe(ref first, offset).AsUInt32();
            Vector256<uint> b = Vector256.LoadUnsafe(ref first, offset + 32).AsUInt32();
            // Even words by mask, odd words by shift: cheaper than unpacking halves across lanes.
            low += (a.AsUInt64() & Vector256.Create(0xffff_fffful)) + (b.AsUInt64() & Vector256.Create(0xffff_fffful));
            high += (a.AsUInt64() >>> 32) + (b.AsUInt64() >>> 32);
        }
        return AddScalar(data[(int)end..], sum + Vector256.Sum(low + high));
    }
}
