namespace Softswitch.Ports.VhostUser;

/// <summary>One piece of a guest's memory as its front-end describes it.</summary>
/// <param name="GuestAddress">Guest-physical: what descriptors say.</param>
/// <param name="Size">Bytes.</param>
/// <param name="UserAddress">In the front-end's address space: what ring addresses say.</param>
/// <param name="MmapOffset">Where it begins in the file.</param>
/// <param name="Descriptor">The file. The memory closes it, also when it refuses the region.</param>
internal readonly record struct GuestRegion(ulong GuestAddress, ulong Size, ulong UserAddress, ulong MmapOffset, int Descriptor);
