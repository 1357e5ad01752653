using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Offload.Writing;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload;

/// <summary>A card that is not there, and the register writes that one fresh from a reset would get in its place.</summary>
internal sealed class RecordedCard
{
    private readonly List<RegisterWrite> _writes = [];

    /// <param name="switchPortNumbers">As for <see cref="NetFpgaOffload"/>.</param>
    public RecordedCard(CardLayout layout, OffloadLevel level, ReadOnlySpan<ushort> switchPortNumbers)
    {
        RegisterImage image = new() { Written = _writes.Add };
        RowRegisters rows = new(image, layout);
        for (int row = CardRegisters.FirstReservedRow; row < CardRegisters.RowCount; row++)
        {
            rows.Commit(row, ReservedRows.Row(row));
        }
        // Taking over a card that may hold anything costs a write for every slot. This one is empty.
        image.Written = null;
        Offload = new NetFpgaOffload(image, layout, level, switchPortNumbers, static _ => { });
        image.Written = _writes.Add;
    }

    /// <summary>What flows go to; disposing it writes the end of a run.</summary>
    public NetFpgaOffload Offload { get; }

    /// <summary>The writes so far: the reserved rows, then what the flows made necessary.</summary>
    public IReadOnlyList<RegisterWrite> Writes => _writes;
}
