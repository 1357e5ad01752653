using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.Bench.Flows;

/// <summary>Entries of ever different masks, made to cost a search by masks as much as can be.</summary>
/// <remarks>
/// After the tuple space explosion attack (Csikor, Divakaran, Kang, Korosi, Sonkoly, Haja, Pezaros, Schmid, Retvari, 2019): prefixes of all lengths
/// in both addresses, with and without ports, of which each differs in its last bit from addresses of the attacked network. There, packets
/// make an Open vSwitch cache these masks; here only a controller could install them.
/// </remarks>
internal static class TupleSpaceExplosion
{
    private const int Lengths = 32;
    private const uint AttackedSource = 0x0a00_0000;
    private const uint AttackedDestination = 0x0b00_0000;

    /// <summary>As many masks as there are: two prefix lengths, four choices of ports.</summary>
    public const int MaxEntries = Lengths * Lengths * 4;

    public static IEnumerable<BenchEntry> Make(int count)
    {
        // A stride without a common factor visits all combinations, long and short prefixes mixed.
        for (int i = 0; i < count; i++)
        {
            int at = (int)(i * 2654435761L % MaxEntries);
            int source = (at % Lengths) + 1;
            int destination = (at / Lengths % Lengths) + 1;
            int ports = at / (Lengths * Lengths);
            FlowMatch match = FlowMatch.Any with
            {
                DlType = EtherType.Ipv4,
                NwProto = IpProtocol.Tcp,
                NwSrc = AttackedSource ^ (1u << (32 - source)),
                NwDst = AttackedDestination ^ (1u << (32 - destination)),
                TpSrc = 1,
                TpDst = 2,
            };
            match.Wildcards &= ~(FlowWildcards.DlType | FlowWildcards.NwProto);
            match.Wildcards &= ((ports & 1) == 0 ? ~FlowWildcards.None : ~FlowWildcards.TpSrc) & ((ports & 2) == 0 ? ~FlowWildcards.None : ~FlowWildcards.TpDst);
            match.SetNwWildBits(32 - source, 32 - destination);
            yield return new BenchEntry(match, ushort.MaxValue);
        }
    }
}
