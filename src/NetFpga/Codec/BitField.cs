namespace Softswitch.NetFpga.Codec;

/// <summary>A number within an entry or action: <paramref name="Width"/> bits (at most 64), bit 0 of the number at bit <paramref name="Position"/>.</summary>
/// <remarks>Bit b stands in word b div 32, place b mod 32, whatever the byte order of the machine.</remarks>
internal readonly record struct BitField(int Position, int Width)
{
    /// <summary>The field with all its bits set, as a number.</summary>
    public ulong Ones => ulong.MaxValue >> (64 - Width);

    public ulong Get(ReadOnlySpan<uint> words)
    {
        ulong value = 0;
        for (int done = 0; done < Width;)
        {
            int place = (Position + done) % 32;
            value |= (ulong)(words[(Position + done) / 32] >> place) << done;
            done += 32 - place;
        }
        return value & Ones;
    }

    /// <summary>Replaces the field; bits of <paramref name="value"/> beyond the width are ignored.</summary>
    public void Set(Span<uint> words, ulong value)
    {
        for (int done = 0; done < Width;)
        {
            int place = (Position + done) % 32;
            int count = Math.Min(32 - place, Width - done);
            uint bits = (uint)((1UL << count) - 1);
            ref uint word = ref words[(Position + done) / 32];
            word = (word & ~(bits << place)) | (((uint)(value >> done) & bits) << place);
            done += count;
        }
    }
}
