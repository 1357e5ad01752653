using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Tests;

public sealed class CardIdentityTests
{
    [Fact]
    public void A_card_of_package_3_tells_project_and_version()
    {
        RegisterFile card = Block2("openflow_switch", 0x010004);

        CardIdentity identity = CardIdentity.Read(card);

        Assert.Equal((2, 0x010004u, "1.0.4"), (identity.BlockVersion, identity.Version, identity.VersionText));
        Assert.Equal(("openflow_switch", "OpenFlow Switch", "A description"), (identity.Project, identity.Name, identity.Description));
        Assert.Equal(CardLayout.V10, identity.ChooseLayout(card, null));
    }

    [Fact]
    public void A_card_of_package_2_needs_its_layout_said()
    {
        RegisterFile card = new RegisterFile().Words(0x400000, 0x4071736d, 0x8a603d2b, 0x4d55f629, 0x89a73c95, 0, 7).Text(0x40001c, "OpenFlow Switch");
        CardIdentity identity = CardIdentity.Read(card);

        string message = Assert.Throws<RegisterAccessException>(() => identity.ChooseLayout(card, null)).Message;

        Assert.Equal(
            "test: the layout of its tables cannot be told from identification block 1, project 'OpenFlow Switch', version revision 7: "
            + "say layout=1.0, or layout=0.9 for bitfiles of 2009", message);
        Assert.Equal(CardLayout.V09, identity.ChooseLayout(card, CardLayout.V09));
        Assert.Equal(CardLayout.V10, identity.ChooseLayout(card, CardLayout.V10));
    }

    [Theory]
    [InlineData(
        "reference_nic", 0x010000, CardLayout.V10,
        "the card does not run the OpenFlow switch: identification block 2, project 'reference_nic', version 1.0.0")]
    [InlineData(
        "openflow_switch", 0x020000, null,
        "the layout of its tables cannot be told from identification block 2, project 'openflow_switch', version 2.0.0: "
        + "say layout=1.0, or layout=0.9 for bitfiles of 2009")]
    internal void Another_project_is_refused_whatever_layout_is_said_and_so_is_a_version_nobody_knows(
        string project, uint version, CardLayout? said, string reason)
    {
        RegisterFile card = Block2(project, version);

        Assert.Equal($"test: {reason}", Assert.Throws<RegisterAccessException>(() => CardIdentity.Read(card).ChooseLayout(card, said)).Message);
    }

    [Fact]
    public void What_was_read_instead_of_a_signature_is_said()
    {
        RegisterFile card = new RegisterFile().Words(0x400000, 0xdeadbeef, 1, 2, 3);

        string message = Assert.Throws<RegisterAccessException>(() => CardIdentity.Read(card)).Message;

        Assert.Equal("test: 0x0400000 reads deadbeef 00000001 00000002 00000003, which is no known signature: no bitfile is loaded, or this is no NetFPGA", message);
    }

    private static RegisterFile Block2(string project, uint version) => new RegisterFile()
        .Words(0x400000, 0x5e461ffe, 0x439725c9, 0x279a22a1, 0x855f6c53, 0, version, 0x01000004)
        .Text(0x40001c, project).Text(0x40005c, "OpenFlow Switch").Text(0x40009c, "A description");
}
