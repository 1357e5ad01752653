using Softswitch.NetFpga.Offload;
using Softswitch.NetFpga.Registers;

namespace Softswitch.Hosting.Cards;

/// <summary>What <c>netfpga show</c> prints, of a card nobody drives or of one that this process does.</summary>
internal static class CardReport
{
    /// <summary>Reads a card that is this program's alone. The counters of its slots are read from the card, and by this cleared.</summary>
    /// <param name="wanted">The layout as the operator says; null to go by the card's version.</param>
    /// <exception cref="RegisterAccessException">It does not answer, or is no OpenFlow switch.</exception>
    public static IReadOnlyList<string> OfIdle(string name, IRegisterAccess card, CardLayout? wanted)
    {
        CardIdentity identity = CardIdentity.Read(card);
        CardLayout layout = identity.ChooseLayout(card, wanted);
        return CardListing.Describe(name, card.Transport, identity, layout, CardStatus.Read(card), CardTables.Read(card), FlowFileOnCard.PortNumbers);
    }

    /// <summary>Reads a card that an offload keeps in step. Under the control lock: both use the staging words.</summary>
    /// <param name="ports">The switch's numbers of card ports 0 to 3; 0 for one that is no port of the switch.</param>
    /// <exception cref="RegisterAccessException">It does not answer.</exception>
    public static IReadOnlyList<string> OfDriven(string name, IRegisterAccess card, CardLayout layout, NetFpgaOffload offload, ushort[] ports)
    {
        CardIdentity identity = CardIdentity.Read(card);
        IReadOnlyList<OffloadedFlow> flows = offload.Describe();
        IReadOnlyDictionary<int, CardHits> rows = offload.PollRowHits();
        // What a flow counted, wherever on the card it was.
        Dictionary<int, CardHits> slots = [];
        foreach (OffloadedFlow flow in flows.Where(flow => flow.Slot != null))
        {
            Datapath.Offload.OffloadCounters counters = offload.Poll(flow.Id);
            slots[flow.Slot!.Value] = new CardHits(counters.Packets, counters.Bytes);
        }
        return
        [
            .. CardListing.Describe(name, card.Transport, identity, layout, CardStatus.Read(card), CardTables.Read(card, rows, slots), ports),
            $"offload: {offload.Level.ToString().ToLowerInvariant()}{(offload.IdleReason is { } idle ? $"; nothing is forwarded by the card: {idle}" : string.Empty)}",
            $"flows: {flows.Count(flow => flow.IsForwarded)} of {flows.Count} forwarded by the card",
            .. InSoftware(flows),
        ];
    }

    /// <summary>How many flows stay in software, by reason.</summary>
    public static IEnumerable<string> InSoftware(IEnumerable<OffloadedFlow> flows) =>
        flows.Where(flow => !flow.IsForwarded).GroupBy(flow => flow.Reason).OrderByDescending(group => group.Count())
            .Select(group => $" {group.Count()} in software: {group.Key}");
}
