using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Planning;

/// <summary>A row as planned: the flow it stands for and its image. Which row of the card it gets is decided when it is written.</summary>
/// <param name="Port">Card port whose frames it matches; null for all of them.</param>
/// <param name="IsPunt">It gives the flow's frames to the software: its hits are none of hardware.</param>
internal sealed record RowItem(CardFlow Flow, int? Port, bool IsPunt, RowImage Image)
{
    /// <summary>Whether it is the same row, if perhaps with another action.</summary>
    public bool IsSame(RowItem other) => ReferenceEquals(Flow, other.Flow) && Port == other.Port && IsPunt == other.IsPunt
        && Image.Value == other.Image.Value && Image.Mask == other.Image.Mask;
}
