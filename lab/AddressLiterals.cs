using Softswitch.Datapath.Headers;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Lab;

/// <summary>Addresses as labs and scenarios write them: constants of the program, so that a wrong one is a mistake in it.</summary>
internal static class AddressLiterals
{
    /// <param name="text">Such as 10.0.0.1/24.</param>
    public static Ipv4Prefix Prefix(string text) =>
        Ipv4Prefix.TryParse(text, out Ipv4Prefix prefix) ? prefix : throw new FormatException($"'{text}' is no address with a prefix length");

    public static Be32 Address(string text) =>
        Ipv4Text.TryParse(text, out Be32 address) ? address : throw new FormatException($"'{text}' is no IPv4 address");

    public static MacAddress Mac(string text) =>
        MacAddress.TryParse(text, out MacAddress address) ? address : throw new FormatException($"'{text}' is no Ethernet address");
}
