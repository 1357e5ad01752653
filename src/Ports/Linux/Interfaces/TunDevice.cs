namespace Softswitch.Ports.Linux.Interfaces;

/// <summary>Names and numbers of /dev/net/tun (linux/if_tun.h).</summary>
internal static unsafe class TunDevice
{
    public const string Path = "/dev/net/tun";

    public const uint TUNSETIFF = 0x400454ca;
    public const uint TUNSETPERSIST = 0x400454cb;
    public const uint TUNGETIFF = 0x800454d2;
    public const uint TUNSETOFFLOAD = 0x400454d0;
    public const uint TUNSETQUEUE = 0x400454d9;
    public const uint TUNSETVNETHDRSZ = 0x400454d8;
    public const uint TUNSETIFINDEX = 0x400454da;
    public const uint SIOCSIFTXQLEN = 0x8943;

    public const ushort IFF_TAP = 0x0002;
    public const ushort IFF_MULTI_QUEUE = 0x0100;
    public const ushort IFF_DETACH_QUEUE = 0x0400;
    public const ushort IFF_NO_PI = 0x1000;
    public const ushort IFF_VNET_HDR = 0x4000;
    public const ushort IFF_TUN_EXCL = 0x8000; // it must not be there

    private const uint TUN_F_CSUM = 0x01;
    private const uint TUN_F_TSO4 = 0x02;
    private const uint TUN_F_TSO6 = 0x04;
    private const uint TUN_F_TSO_ECN = 0x08;
    private const uint TUN_F_USO4 = 0x20;
    private const uint TUN_F_USO6 = 0x40;

    /// <summary>Tells the kernel that it may hand over checksums unfinished and segments uncut.</summary>
    /// <returns>Whether also segments of UDP, which came with Linux 6.2.</returns>
    /// <exception cref="PortException">It refuses.</exception>
    public static bool PassOffloads(string port, int descriptor)
    {
        const uint tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
        if (Libc.ioctl(descriptor, TUNSETOFFLOAD, (void*)(tcp | TUN_F_USO4 | TUN_F_USO6)) == 0)
        {
            return true;
        }
        return Libc.ioctl(descriptor, TUNSETOFFLOAD, (void*)tcp) == 0 ? false : throw PortException.FromErrno(port, nameof(TUNSETOFFLOAD));
    }
}
