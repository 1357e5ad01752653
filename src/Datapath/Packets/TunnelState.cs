using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Packets;

/// <summary>Where a flow's actions send one packet if it leaves by a tunnel port; kept in its frame behind <see cref="OffloadState"/>, valid while its flags say so.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4, Size = Size)]
internal struct TunnelState
{
    public const int Size = 12;

    /// <summary>The remote end; 0.0.0.0 for the port's own.</summary>
    public Be32 Destination;

    /// <summary>Key, VNI or tag; host byte order.</summary>
    public uint Key;

    public bool HasKey;
}
