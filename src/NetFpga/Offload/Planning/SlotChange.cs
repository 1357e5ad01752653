namespace Softswitch.NetFpga.Offload.Planning;

/// <summary>A step from one filling of the exact table to the next; the steps have to be taken in their order.</summary>
internal abstract record SlotChange
{
    private SlotChange()
    {
    }

    /// <summary>The flow's image is written into its free slot.</summary>
    public sealed record Enter(CardFlow Flow, int Slot) : SlotChange;

    /// <summary>The flow goes from its slot to its other, free one.</summary>
    public sealed record Move(CardFlow Flow, int From, int To) : SlotChange;

    /// <summary>What the flow's image does changed; what it matches did not.</summary>
    public sealed record Update(CardFlow Flow, int Slot) : SlotChange;

    /// <summary>The slot is another flow's now, of the same match.</summary>
    public sealed record Replace(CardFlow Old, CardFlow Flow, int Slot) : SlotChange;

    /// <summary>The slot becomes free.</summary>
    public sealed record Leave(CardFlow Flow, int Slot) : SlotChange;
}
