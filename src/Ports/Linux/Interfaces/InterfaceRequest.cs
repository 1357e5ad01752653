using System.Runtime.InteropServices;
using System.Text;

namespace Softswitch.Ports.Linux.Interfaces;

/// <summary>struct ifreq: a name and a union.</summary>
[StructLayout(LayoutKind.Explicit, Size = 40)]
internal unsafe struct InterfaceRequest
{
    private const int NameSize = 16; // IFNAMSIZ

    [FieldOffset(0)]
    public fixed byte Name[NameSize];

    /// <summary>ifr_flags, or the family of an address.</summary>
    [FieldOffset(16)]
    public ushort Short;

    /// <summary>ifr_ifindex, ifr_mtu.</summary>
    [FieldOffset(16)]
    public int Integer;

    /// <summary>ifr_data.</summary>
    [FieldOffset(16)]
    public void* Pointer;

    /// <summary>ifr_hwaddr as a struct sockaddr: the address begins at its third byte.</summary>
    [FieldOffset(16)]
    public fixed byte Address[24];

    public static InterfaceRequest For(string name)
    {
        InterfaceRequest request = default;
        Encoding.ASCII.GetBytes(name, new Span<byte>(request.Name, LinuxInterface.MaxNameLength));
        return request;
    }

    public readonly bool HasNameOf(in InterfaceRequest other)
    {
        fixed (byte* own = Name, its = other.Name)
        {
            return new ReadOnlySpan<byte>(own, NameSize).SequenceEqual(new ReadOnlySpan<byte>(its, NameSize));
        }
    }

    public readonly bool HasName(string name) => HasNameOf(For(name));

    public readonly string ReadName()
    {
        fixed (byte* name = Name)
        {
            return Marshal.PtrToStringUTF8((nint)name) ?? string.Empty;
        }
    }
}
