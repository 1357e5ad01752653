using System.Runtime.InteropServices;
using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Flows;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Captures;

[Trait("HardwarePaths", "PlainIpv4Filter")]
public sealed unsafe class PlainIpv4FilterTests
{
    private const int FrameSize = 256;

    [Fact]
    public void What_it_rules_out_the_parser_finds_not_to_match()
    {
        RandomMatches random = new(41);
        byte* data = (byte*)NativeMemory.AllocZeroed(FrameSize);
        int ruledOut = 0;
        int matching = 0;
        try
        {
            for (int round = 0; round < 1000; round++)
            {
                MatchNormalizer.Normalize(random.NextMatch() with { InPort = 0 }, out FlowKey key, out FlowKey mask);
                key.InPort = mask.InPort = 0;
                PlainIpv4Filter filter = new(key, mask);
                for (int i = 0; i < 40; i++)
                {
                    byte[] frame = Damage(random.NextFrame(), random.Random);
                    int length = random.Random.Next(4) == 0 ? random.Random.Next(frame.Length + 1) : frame.Length;
                    frame.CopyTo(new Span<byte>(data, FrameSize)); // behind a short packet stands what was there before
                    FlowKey parsed;
                    HeaderOffsets layout;
                    FlowKeyParser.Parse(data, length, 0, &parsed, &layout);
                    bool matches = FlowKey.Matches(parsed, key, mask);
                    bool mayMatch = filter.MayMatch(data);
                    Assert.True(mayMatch || !matches, $"{Convert.ToHexString(frame.AsSpan(0, length))} matches {key} where {mask}");
                    ruledOut += mayMatch ? 0 : 1;
                    matching += matches ? 1 : 0;
                }
            }
        }
        finally
        {
            NativeMemory.Free(data);
        }
        Assert.InRange(ruledOut, 5_000, 39_000);
        Assert.InRange(matching, 500, 39_000);
    }

    [Fact]
    public void A_plain_packet_that_does_not_match_is_ruled_out_unparsed()
    {
        FlowMatch match = FlowMatch.Any with { DlType = 0x0800, NwSrc = 0x0a000001, Wildcards = FlowMatch.Any.Wildcards & ~FlowWildcards.DlType };
        match.SetNwWildBits(8, 32);
        MatchNormalizer.Normalize(match, out FlowKey key, out FlowKey mask);
        PlainIpv4Filter filter = new(key, mask);
        fixed (byte* inside = TestPacket.Tcp(src: 0x0a0000ff), outside = TestPacket.Tcp(src: 0x0a000101), tagged = TestPacket.Tcp(src: 0x0a000101, vlan: 1))
        {
            Assert.Equal((true, false, true), (filter.MayMatch(inside), filter.MayMatch(outside), filter.MayMatch(tagged)));
        }
    }

    private static byte[] Damage(byte[] frame, Random random)
    {
        for (int i = random.Next(3) == 0 ? random.Next(4) : 0; i > 0; i--)
        {
            frame[random.Next(Math.Min(frame.Length, 42))] = (byte)(random.Next(3) == 0 ? 0 : random.Next(256));
        }
        return frame;
    }
}
