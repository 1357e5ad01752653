namespace Softswitch.NetFpga.Offload.Planning;

/// <summary>How far the card may go: the values of the option <c>offload=</c>.</summary>
internal enum OffloadLevel
{
    /// <summary>Reserved rows only: the card is four interfaces.</summary>
    Off,

    /// <summary>Nothing may differ from software: no flow that compares the ports of IPv4 (erratum E1), and 802.3 frames go to the host where a row leaves dl_type open.</summary>
    Strict,

    /// <summary>Flows that compare ports go to the card, which takes fragments' payload for ports; rewrites that errata E2 and E3 break stay in software.</summary>
    On,

    /// <summary>Those rewrites, too: of nw_src, nw_dst, tp_src and tp_dst.</summary>
    All,
}
