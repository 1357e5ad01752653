using System.Buffers.Binary;
using Softswitch.Datapath.Headers;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Headers;

[Trait("HardwarePaths", "InternetChecksum")]
public sealed class InternetChecksumTests
{
    private const int Seed = 1071;

    private static ushort Host(ushort raw) => new Be16(raw).Host;

    [Fact]
    public void Sums_agree_with_the_textbook_loop_at_every_length_and_alignment()
    {
        var random = new Random(Seed);
        byte[] buffer = new byte[9200];
        random.NextBytes(buffer);
        for (int i = 0; i < 5_000; i++)
        {
            int start = random.Next(64);
            int length = i < 400 ? i : random.Next(9000);
            if (i % 7 == 0)
            {
                buffer.AsSpan(start, length).Fill((byte)(i % 2 == 0 ? 0xff : 0)); // the two zeros of one's complement
            }
            else if (i % 7 == 1)
            {
                random.NextBytes(buffer);
            }
            ReadOnlySpan<byte> data = buffer.AsSpan(start, length);
            ushort expected = TestPacket.TextbookChecksum(data);
            ulong earlier = (ulong)random.Next();
            Assert.True(expected == Host(InternetChecksum.Compute(data)), $"seed {Seed}, round {i}: length {length} at {start}");
            Assert.Equal(expected, Host(InternetChecksum.Finish(InternetChecksum.AddScalar(data, 0))));
            Assert.Equal(expected, Host(InternetChecksum.Finish(InternetChecksum.AddVector(data, 0))));
            Assert.Equal(InternetChecksum.AddScalar(data, earlier) % 0xffff, InternetChecksum.AddVector(data, earlier) % 0xffff);
        }
    }

    [Fact]
    public void Sums_of_even_pieces_add_up_to_the_sum_of_the_whole()
    {
        var random = new Random(Seed);
        byte[] data = new byte[3001];
        random.NextBytes(data);
        for (int i = 0; i < 2000; i++)
        {
            int cut = random.Next(1500) * 2;
            ulong sum = InternetChecksum.Add(data.AsSpan(cut), InternetChecksum.Add(data.AsSpan(0, cut)));
            Assert.True(InternetChecksum.Compute(data) == InternetChecksum.Finish(sum), $"seed {Seed}, cut {cut}");
        }
    }

    [Fact]
    public void A_whole_with_its_checksum_in_it_sums_to_zero()
    {
        byte[] header = Convert.FromHexString("450000730000400040110000c0a80001c0a800c7");
        ushort checksum = InternetChecksum.Compute(header);
        Assert.Equal(0xb861, Host(checksum));
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), Host(checksum));
        Assert.Equal(0, InternetChecksum.Compute(header));
    }

    [Fact]
    public void Updates_of_words_agree_with_computing_anew()
    {
        var random = new Random(Seed);
        byte[] data = new byte[40];
        for (int i = 0; i < 50_000; i++)
        {
            if (i % 4 == 0)
            {
                Array.Fill(data, (byte)(random.Next(2) * 0xff));
            }
            else
            {
                random.NextBytes(data);
            }
            data[39] = 1; // some word is not zero, as in any header: then 0xffff never is a computed checksum
            data[38] = 0x45;
            ushort before = InternetChecksum.Compute(data);
            int at = random.Next(18) * 2;
            ushort oldWord = BitConverter.ToUInt16(data, at);
            ushort newWord = (ushort)(random.Next(4) == 0 ? random.Next(2) * 0xffff : random.Next(0x10000));
            BitConverter.TryWriteBytes(data.AsSpan(at), newWord);
            Assert.True(
                InternetChecksum.Compute(data) == InternetChecksum.Update(before, oldWord, newWord),
                $"seed {Seed}, round {i}: {oldWord:x4} -> {newWord:x4}");

            before = InternetChecksum.Compute(data);
            at = random.Next(9) * 4;
            uint oldWords = BitConverter.ToUInt32(data, at);
            uint newWords = (uint)(random.Next(4) == 0 ? (int)(uint.MaxValue * (uint)random.Next(2)) : random.Next());
            BitConverter.TryWriteBytes(data.AsSpan(at), newWords);
            Assert.True(
                InternetChecksum.Compute(data) == InternetChecksum.Update(before, oldWords, newWords),
                $"seed {Seed}, round {i}: {oldWords:x8} -> {newWords:x8}");
        }
    }

    [Fact]
    public void An_update_to_the_same_value_changes_nothing()
    {
        // RFC 1624 §4: equation 2 of RFC 1141 fails here.
        Assert.Equal(0x0000, InternetChecksum.Update(0x0000, (ushort)0x5555, (ushort)0x5555));
        Assert.Equal(0xdd2f, InternetChecksum.Update(0xdd2f, (ushort)0, (ushort)0));
        Assert.Equal(0x0000, Host(InternetChecksum.Update(Be16.FromHost(0xdd2f).Raw, Be16.FromHost(0x5555).Raw, Be16.FromHost(0x3285).Raw)));
    }

    [Fact]
    public void Udp_without_a_checksum_stays_without_and_zero_is_written_as_all_ones()
    {
        Assert.Equal(0, InternetChecksum.UpdateUdp(0, (ushort)1, (ushort)2));
        Assert.Equal(0, InternetChecksum.UpdateUdp(0, 1u, 2u));
        Assert.Equal(0xffff, InternetChecksum.UpdateUdp(Be16.FromHost(0xdd2f).Raw, Be16.FromHost(0x5555).Raw, Be16.FromHost(0x3285).Raw));
        Assert.Equal(0xffff, InternetChecksum.FinishUdp(0xffff));
        Assert.Equal(0xfffe, InternetChecksum.FinishUdp(0x0001));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(32)]
    public void The_pseudo_header_is_summed_as_the_textbook_lays_it_out(int addressBytes)
    {
        var random = new Random(Seed);
        for (int i = 0; i < 1000; i++)
        {
            byte[] pseudo = new byte[addressBytes + 8];
            random.NextBytes(pseudo.AsSpan(0, addressBytes));
            int length = random.Next(65536);
            BinaryPrimitives.WriteInt32BigEndian(pseudo.AsSpan(addressBytes), length);
            pseudo[^1] = 17;
            ulong sum = InternetChecksum.AddPseudoHeader(pseudo.AsSpan(0, addressBytes), 17, length);
            Assert.Equal(TestPacket.TextbookChecksum(pseudo), Host(InternetChecksum.Finish(sum)));
        }
    }
}
