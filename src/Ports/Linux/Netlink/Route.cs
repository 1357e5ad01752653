using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Linux.Netlink;

/// <summary>Which way packets to some IPv4 address go.</summary>
/// <param name="LinkIndex">The link they leave by.</param>
/// <param name="Gateway">The next hop; null if the destination itself is on the link.</param>
internal readonly record struct Route(int LinkIndex, Be32? Gateway);
