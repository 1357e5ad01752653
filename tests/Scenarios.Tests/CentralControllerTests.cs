using Softswitch.Datapath.Headers;
using Softswitch.Scenarios.L3Mig;
using static Softswitch.Lab.AddressLiterals;

namespace Softswitch.Scenarios.Tests;

/// <summary>What the central controller of the migration across layer 3 knows of machines.</summary>
public sealed class CentralControllerTests
{
    private static readonly MacAddress Machine = Mac("02:00:00:09:00:36");
    private static readonly Be32 OwnAddress = Address("10.9.0.36");

    [Fact]
    public void Hypervisor_that_names_a_machine_by_its_Ethernet_address_has_it()
    {
        var central = new CentralController(new PortPool(L3MigLab.FirstPort, 1), static _ => { });
        Be32 other = Address("10.9.0.11");
        central.Register(OwnAddress, new Attachment(L3MigLab.NearSite, Machine, Port: 3));
        central.Register(other, new Attachment(L3MigLab.NearSite, Mac("02:00:00:09:00:11"), Port: 2));

        central.Register(new Attachment(L3MigLab.FarSite, Machine, Port: 3));

        Assert.Equal(L3MigLab.FarSite, central.FindMachine(OwnAddress)?.Site);
        Assert.Equal(L3MigLab.NearSite, central.FindMachine(other)?.Site);
    }

    [Fact]
    public void Ethernet_address_of_no_known_machine_makes_none()
    {
        var central = new CentralController(new PortPool(L3MigLab.FirstPort, 1), static _ => { });
        central.Register(new Attachment(L3MigLab.FarSite, Machine, Port: 3));
        Assert.Null(central.FindMachine(OwnAddress));
    }
}
