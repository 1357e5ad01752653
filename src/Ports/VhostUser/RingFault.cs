namespace Softswitch.Ports.VhostUser;

/// <summary>Why a ring cannot be believed any more. It ends the port.</summary>
internal enum RingFault
{
    None,
    AvailableIndex,
    Head,
    Next,
    ChainLength,
    Direction,
    IndirectNotNegotiated,
    IndirectNested,
    IndirectLength,
    Address,
    Torn,
}

internal static class RingFaults
{
    /// <summary>For the log: what the guest did.</summary>
    public static string Text(this RingFault fault) => fault switch
    {
        RingFault.None => "nothing",
        RingFault.AvailableIndex => "the available index is further ahead than the ring is long",
        RingFault.Head => "the available ring names a descriptor outside of the table",
        RingFault.Next => "a descriptor's next is outside of its table",
        RingFault.ChainLength => $"a chain of more than {BufferChain.MaxPieces} pieces, or one without an end",
        RingFault.Direction => "a buffer to be read is marked as one to be written, or the other way round",
        RingFault.IndirectNotNegotiated => "an indirect descriptor without VIRTIO_F_RING_INDIRECT_DESC",
        RingFault.IndirectNested => "an indirect descriptor inside an indirect table, or one with a next",
        RingFault.IndirectLength => $"an indirect table that is empty, no multiple of {RingDescriptor.Size} bytes, or too long",
        RingFault.Address => "an address outside of the guest's memory",
        RingFault.Torn => "a file of the guest's memory was cut short",
        _ => fault.ToString(),
    };
}
