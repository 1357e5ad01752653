using System.Text;
using Softswitch.Datapath.Headers;

namespace Softswitch.Ports;

/// <summary>Ethernet addresses for ports that have none of their own.</summary>
internal static class LocalMacAddress
{
    /// <summary>The same address for the same name, with the locally-administered bit set and the group bit clear (IEEE 802 §8.2).</summary>
    public static MacAddress For(string name)
    {
        // FNV-1a: spread over 40 bits, stable from run to run, which string.GetHashCode is not.
        ulong hash = 14695981039346656037;
        foreach (byte b in Encoding.UTF8.GetBytes(name))
        {
            hash = (hash ^ b) * 1099511628211;
        }
        return new MacAddress((0x02UL << 40) | (hash & 0xff_ffff_ffff));
    }
}
