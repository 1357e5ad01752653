using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Linux.Netlink;

/// <summary>An IPv4 address and the link it belongs to.</summary>
internal readonly record struct InterfaceAddress(int LinkIndex, Be32 Address);
