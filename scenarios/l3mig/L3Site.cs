using Softswitch.Datapath.Headers;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>A site as its controllers know it: a virtual switch, a gateway switch, and the way out.</summary>
/// <param name="VirtualSwitch">Datapath id.</param>
/// <param name="Gateway">Datapath id.</param>
internal sealed record L3Site(string Name, ulong VirtualSwitch, ulong Gateway)
{
    /// <summary>The virtual switch's port towards the gateway.</summary>
    public required ushort GatewayAt { get; init; }

    /// <summary>The virtual switch's port towards the network outside, where the gateway has one arm; 0 where it has two.</summary>
    public ushort RouterAt { get; init; }

    public required MacAddress GatewayAddress { get; init; }

    /// <summary>The gateway's address in the network outside.</summary>
    public required Be32 PublicAddress { get; init; }

    /// <summary>Ethernet address of the first router outside.</summary>
    public required MacAddress NextHop { get; init; }

    /// <summary>The gateway's port towards the virtual switch.</summary>
    public required ushort SiteAt { get; init; }

    /// <summary>The gateway's port towards the network outside; the same with one arm.</summary>
    public required ushort UpAt { get; init; }

    /// <summary>What the controller answers for besides the machines it knows: gateways' and routers' addresses.</summary>
    public required IReadOnlyDictionary<Be32, MacAddress> Answers { get; init; }

    /// <summary>Addresses that the network outside knows, for the comparison without rewrites.</summary>
    public required string PlainNetwork { get; init; }

    /// <summary>Whether what the gateway sends leaves by the port it came from: only OFPP_IN_PORT does that (OpenFlow 1.0.0 §5.2.1).</summary>
    public bool HasOneArm => UpAt == SiteAt;
}

/// <summary>Where a machine is.</summary>
/// <param name="Port">Of the site's virtual switch.</param>
internal sealed record Attachment(L3Site Site, MacAddress HardwareAddress, ushort Port);
