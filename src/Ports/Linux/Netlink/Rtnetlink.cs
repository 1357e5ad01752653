namespace Softswitch.Ports.Linux.Netlink;

/// <summary>Names of rtnetlink (linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h, linux/neighbour.h, linux/veth.h).</summary>
internal static class Rtnetlink
{
    public const int NETLINK_ROUTE = 0;

    public const uint RTMGRP_LINK = 1;
    public const uint RTMGRP_NEIGH = 4;
    public const uint RTMGRP_IPV4_IFADDR = 0x10;
    public const uint RTMGRP_IPV4_ROUTE = 0x40;
    public const uint RTMGRP_IPV4_RULE = 0x80;

    // nlmsg_type
    public const ushort NLMSG_ERROR = 2;
    public const ushort NLMSG_DONE = 3;
    public const ushort RTM_NEWLINK = 16;
    public const ushort RTM_DELLINK = 17;
    public const ushort RTM_GETLINK = 18;
    public const ushort RTM_NEWADDR = 20;
    public const ushort RTM_DELADDR = 21;
    public const ushort RTM_GETADDR = 22;
    public const ushort RTM_NEWROUTE = 24;
    public const ushort RTM_GETROUTE = 26;
    public const ushort RTM_NEWNEIGH = 28;
    public const ushort RTM_DELNEIGH = 29;
    public const ushort RTM_GETNEIGH = 30;
    public const ushort RTM_NEWQDISC = 36;
    public const ushort RTM_GETQDISC = 38;

    // nlmsg_flags
    public const ushort NLM_F_REQUEST = 0x1;
    public const ushort NLM_F_ACK = 0x4;
    public const ushort NLM_F_ECHO = 0x8;
    public const ushort NLM_F_DUMP = 0x300;
    public const ushort NLM_F_REPLACE = 0x100;
    public const ushort NLM_F_EXCL = 0x200;
    public const ushort NLM_F_CREATE = 0x400;

    // struct nlmsghdr: length 4, type 2, flags 2, sequence 4, port 4; struct ifinfomsg: family 1, pad 1, type 2, index 4, flags 4, change 4;
    // struct ifaddrmsg: family 1, prefix length 1, flags 1, scope 1, index 4; struct rtmsg: family 1, destination's and source's prefix lengths 1 each,
    // tos 1, table 1, protocol 1, scope 1, type 1, flags 4; struct ndmsg: family 1, pad 3, index 4, state 2, flags 1, type 1;
    // struct tcmsg: family 1, pad 3, index 4, handle 4, parent 4, info 4; struct rtattr: length 2, type 2.
    public const int HeaderSize = 16;
    public const int LinkSize = 16;
    public const int AddressSize = 8;
    public const int RouteSize = 12;
    public const int NeighbourSize = 12;
    public const int QueueSize = 20;
    public const int AttributeSize = 4;

    // rta_type of a link; the high bits mark nesting.
    public const ushort IFLA_ADDRESS = 1;
    public const ushort IFLA_IFNAME = 3;
    public const ushort IFLA_MTU = 4;
    public const ushort IFLA_LINK = 5;
    public const ushort IFLA_OPERSTATE = 16;
    public const ushort IFLA_LINKINFO = 18;
    public const ushort IFLA_STATS64 = 23;
    public const ushort IFLA_AF_SPEC = 26;
    public const ushort IFLA_NET_NS_FD = 28;
    public const ushort IFLA_NUM_TX_QUEUES = 31;
    public const ushort IFLA_NUM_RX_QUEUES = 32;
    public const ushort IFLA_MASTER = 10;
    public const ushort IFLA_CARRIER = 33;
    public const ushort IFLA_LINK_NETNSID = 37;
    public const ushort TypeMask = 0x3fff;

    public const ushort IFLA_INFO_KIND = 1;
    public const ushort IFLA_INFO_DATA = 2;
    public const ushort VETH_INFO_PEER = 1;
    public const ushort IFLA_INET6_ADDR_GEN_MODE = 8;
    public const byte IN6_ADDR_GEN_MODE_NONE = 1;

    // ipv4_devconf of a link, nested in AF_INET; the setting's number as in linux/ip.h.
    public const ushort IFLA_INET_CONF = 1;
    public const ushort IPV4_DEVCONF_FORWARDING = 1;
    public const ushort IPV4_DEVCONF_SEND_REDIRECTS = 6;

    public const byte AF_UNSPEC = 0;
    public const ushort AF_INET6 = 10;

    // rta_type of an address
    public const ushort IFA_ADDRESS = 1;
    public const ushort IFA_LOCAL = 2;
    public const byte RT_SCOPE_LINK = 253;

    // rta_type of a route
    public const ushort RTA_DST = 1;
    public const ushort RTA_OIF = 4;
    public const ushort RTA_GATEWAY = 5;
    public const ushort RTA_VIA = 18;

    // of a neighbour: nda_type, ndm_flags
    public const ushort NDA_DST = 1;
    public const ushort NDA_LLADDR = 2;
    public const byte NTF_USE = 1;
    public const byte NTF_MASTER = 4;
    public const byte NUD_NOARP = 0x40;
    public const byte AF_BRIDGE = 7;

    // of a queueing discipline: tcm_parent, rta_type, and the type nested in that
    public const uint TC_H_ROOT = 0xffffffff;
    public const ushort TCA_KIND = 1;
    public const ushort TCA_OPTIONS = 2;
    public const ushort TCA_STATS2 = 7;
    public const ushort TCA_STATS_QUEUE = 3;

    // of tbf (linux/pkt_sched.h), struct tc_tbf_qopt: two of struct tc_ratespec (cell_log 1, linklayer 1, overhead 2, cell_align 2, mpu 2, rate 4), limit 4,
    // buffer 4, mtu 4
    public const ushort TCA_TBF_PARMS = 1;
    public const ushort TCA_TBF_BURST = 6;
    public const int TokenBucketSize = 36;
    public const byte TC_LINKLAYER_ETHERNET = 1;

    // struct rtmsg of a route that is added
    public const byte RT_TABLE_MAIN = 254;
    public const byte RTPROT_STATIC = 4;
    public const byte RTN_UNICAST = 1;

    public static int Align(int length) => (length + 3) & ~3;
}
