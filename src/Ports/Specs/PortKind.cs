namespace Softswitch.Ports.Specs;

/// <summary>What the word before the colon of a port specification says.</summary>
internal enum PortKind
{
    /// <summary>A name alone: a Linux interface by the best backend for it.</summary>
    Interface,
    Packet,
    Xdp,
    Tap,

    /// <summary>A virtual machine, by shared memory.</summary>
    VhostUser,
    Replay,
    Pcap,
    Null,
    Vxlan,
    Gre,
    Ipip,

    /// <summary>The NetFPGA capsulator's tunnel.</summary>
    Capsulator,

    /// <summary>A port of a NetFPGA card: nf2c0 to nf2c3 of the first, nf2c4 and so on of others.</summary>
    NetFpga,
    PcapLib,

    /// <summary>A cable to another port of the process.</summary>
    Patch,

    /// <summary>The program that runs the switch is the far end; no text names it.</summary>
    Program,
}
