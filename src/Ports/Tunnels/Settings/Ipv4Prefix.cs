using System.Globalization;
using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Tunnels.Settings;

/// <summary>An IPv4 address with the length of its network's prefix: <c>10.0.0.1/24</c>.</summary>
/// <param name="Length">0 to 32.</param>
internal readonly record struct Ipv4Prefix(Be32 Address, int Length)
{
    /// <summary>Host byte order.</summary>
    public uint Mask => Length == 0 ? 0 : uint.MaxValue << (32 - Length);

    public bool Contains(Be32 address) => ((address.Host ^ Address.Host) & Mask) == 0;

    public static bool TryParse(ReadOnlySpan<char> text, out Ipv4Prefix prefix)
    {
        prefix = default;
        int slash = text.IndexOf('/');
        if (slash < 0
            || !Ipv4Text.TryParse(text[..slash], out Be32 address)
            || !int.TryParse(text[(slash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int length)
            || length > 32)
        {
            return false;
        }
        prefix = new Ipv4Prefix(address, length);
        return true;
    }

    public override string ToString() => $"{Ipv4Text.Format(Address)}/{Length}";
}
