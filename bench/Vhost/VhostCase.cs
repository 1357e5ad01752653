using Softswitch.Bench.Compare;
using Softswitch.Bench.Sides;
using Softswitch.Datapath.Flows;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Bench.Vhost;

/// <summary>One row of <c>bench vhost</c>: frames, flows and a table.</summary>
/// <param name="Name">As <c>--rows</c> takes it.</param>
/// <param name="FrameLength">Bytes with FCS, as testpmd counts them.</param>
/// <param name="Flows">Of the traffic, each both ways.</param>
/// <param name="IsExact">Whether each flow has an entry without wildcards for each way; else there is one entry on in_port for each way.</param>
internal sealed record VhostCase(string Name, string Title, int FrameLength, int Flows, bool IsExact)
{
    /// <summary>Bytes of the FCS, which no ring carries.</summary>
    public const int ChecksumLength = 4;

    private const int FewFlows = 64;
    private const int ManyFlows = 500;

    /// <summary>Every row, in the order they are shown.</summary>
    public static IReadOnlyList<VhostCase> All { get; } =
    [
        new("inport", "64 bytes, one entry each way", 64, FewFlows, IsExact: false),
        new("exact-1000", "64 bytes, 1,000 exact entries", 64, ManyFlows, IsExact: true),
        new("inport-1518", "1,518 bytes, one entry each way", 1518, FewFlows, IsExact: false),
    ];

    /// <summary>Rows by name, in the order they are shown.</summary>
    /// <param name="names">Separated by commas; null for all.</param>
    /// <exception cref="OptionException">There is no row of such a name.</exception>
    public static IReadOnlyList<VhostCase> Select(string? names) => RowNames.Select(All, row => row.Name, names);

    /// <summary>The entries by which everything from one of two ports leaves by the other.</summary>
    public IEnumerable<(FlowMatch Match, ushort Output)> EntriesBetween(ushort first, ushort second)
    {
        foreach ((ushort from, ushort to) in ((ushort, ushort)[])[(first, second), (second, first)])
        {
            if (!IsExact)
            {
                yield return IoSwitch.EntryFrom(from, to);
            }
            for (int flow = 0; IsExact && flow < Flows; flow++)
            {
                yield return (TestPmd.FieldsOf(flow).ToMatch(from), to);
            }
        }
    }
}
