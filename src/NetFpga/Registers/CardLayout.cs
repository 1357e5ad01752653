namespace Softswitch.NetFpga.Registers;

/// <summary>What the bits of entries and actions mean: two generations of the OpenFlow bitfile, with the same register addresses.</summary>
internal enum CardLayout
{
    /// <summary>Bitfiles of 2009: no nw_tos, no ARP fields, of the rewrites only dl_src and dl_dst.</summary>
    V09,

    /// <summary>Bitfiles after March 2010, project version 1.0: all fields and rewrites of OpenFlow 1.0.</summary>
    V10,
}
