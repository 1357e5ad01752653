using Softswitch.Datapath.Headers;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Lab;

/// <summary>A router that is the kernel's alone: a namespace whose interfaces forward.</summary>
internal sealed class LabRouter(string name) : LabNode(name)
{
    private readonly List<(string Name, MacAddress HardwareAddress, Ipv4Prefix Prefix)> _legs = [];

    public override string Caption => "kernel router";

    /// <summary>Name of the end of the cable that will be laid next.</summary>
    public string NextInterface => $"leg{_legs.Count}";

    /// <summary>Names of its interfaces, in the order of their making.</summary>
    public IReadOnlyList<string> Interfaces => [.. _legs.Select(leg => leg.Name)];

    /// <summary>Gives the cable that was laid to <see cref="NextInterface"/> its address and lets it forward.</summary>
    public void Accept(MacAddress hardwareAddress, Ipv4Prefix prefix)
    {
        string end = NextInterface;
        _legs.Add((end, hardwareAddress, prefix));
        AddAddress(end, prefix);
        Links.SetForwarding(end);
    }
}
