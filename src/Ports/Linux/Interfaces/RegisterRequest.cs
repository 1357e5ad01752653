using System.Runtime.InteropServices;

namespace Softswitch.Ports.Linux.Interfaces;

/// <summary>struct nf2reg of the NetFPGA driver: what its ioctls read and fill. Host byte order.</summary>
/// <remarks>
/// <code>
/// 0         4       8        256
/// | address | value | spare  |
/// </code>
/// The driver's record ends at 8. Drivers of other devices use the same private ioctl numbers for larger records of their own; whatever one of
/// them copies here must not end up behind it.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct RegisterRequest
{
    public const int Size = 256;

    /// <summary>Byte address.</summary>
    [FieldOffset(0)]
    public uint Address;

    [FieldOffset(4)]
    public uint Value;
}
