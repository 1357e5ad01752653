using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Learning;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>ovs-ofctl and ovs-testcontroller over every kind of connection, with everything OpenFlow 1.0 lets ovs-ofctl do.</summary>
[Trait("Ring", "peers")]
public sealed class OpenVSwitchTransportTests : IDisposable
{
    private readonly TestCertificates _pki = new();
    private readonly TlsCredentials _ours;
    private readonly string[] _theirs;

    public OpenVSwitchTransportTests()
    {
        (string key, string certificate) = _pki.Issue("switch", withAuthority: true);
        _ours = TlsCredentials.Load(new TlsFiles(key, certificate, _pki.Authority));
        (key, certificate) = _pki.Issue("peer");
        _theirs = ["--private-key", key, "--certificate", certificate];
    }

    public void Dispose()
    {
        _ours.Dispose();
        _pki.Dispose();
    }

    [Theory]
    [InlineData("ptcp:0:127.0.0.1")]
    [InlineData("pssl:0:127.0.0.1")]
    [InlineData("punix:")]
    public void Ovs_ofctl_does_all_it_can_in_OpenFlow_1_0(string listen)
    {
        OvsTools.Require("ovs-ofctl");
        listen += listen == "punix:" ? _pki.PathOf("mgmt") : "";
        using AgentHarness harness = new(new AgentOptions { Listeners = [AgentHarness.Target(listen)], Tls = _ours, TimeProvider = new TestTime() });
        string target = TargetOf(harness);
        string flows = _pki.PathOf("flows.txt");
        File.WriteAllText(flows, "priority=9,in_port=1,actions=output:2\npriority=9,in_port=2,actions=output:1\n");

        string features = Ofctl("show", target);
        Assert.Contains("dpid:0000000000000042", features, StringComparison.Ordinal);
        Assert.Contains(" 2(p2): addr:02:00:00:00:ff:02", features, StringComparison.Ordinal);
        Assert.Contains("Softswitch", Ofctl("dump-desc", target), StringComparison.Ordinal);
        Assert.Contains("table 0", Ofctl("dump-tables", target), StringComparison.Ordinal);
        Assert.Contains("port  1:", Ofctl("dump-ports", target), StringComparison.Ordinal);
        Assert.Contains("OFPBRC_BAD_STAT", Ofctl("dump-ports-desc", target), StringComparison.Ordinal); // OFPST_PORT_DESC came with version 1.3
        Assert.Equal("normal\n", Ofctl("get-frags", target));
        Ofctl("add-flow", target, "priority=7,tcp,nw_src=10.1.2.0/24,tp_dst=80,actions=mod_nw_tos:184,output:2");
        Ofctl("add-flows", target, flows);
        Ofctl("mod-flows", target, "in_port=1,actions=flood");
        Ofctl("--strict", "mod-flows", target, "priority=9,in_port=1,actions=output:2");
        string dump = Ofctl("dump-flows", target);
        Assert.Contains("priority=9,in_port=1 actions=output:2", dump, StringComparison.Ordinal);
        Assert.Contains("priority=7,tcp,nw_src=10.1.2.0/24,tp_dst=80 actions=mod_nw_tos:184,output:2", dump, StringComparison.Ordinal);
        Assert.Contains("flow_count=3", Ofctl("dump-aggregate", target), StringComparison.Ordinal);
        Ofctl("--strict", "del-flows", target, "priority=7,tcp,nw_src=10.1.2.0/24,tp_dst=80");
        Ofctl("diff-flows", flows, target);
        Ofctl("del-flows", target);
        Ofctl("replace-flows", target, flows);
        Ofctl("diff-flows", target, flows);
        Ofctl("mod-port", target, "p1", "no-flood");
        Assert.Contains("config:     NO_FLOOD", Ofctl("show", target), StringComparison.Ordinal);
        Ofctl("packet-out", target, "in_port=1 packet=ffffffffffff0200000000010800 actions=output:2");
        Eventually.True(() => Ofctl("dump-ports", target, "2").Contains("tx pkts=1", StringComparison.Ordinal), "the packet is counted");
        Ofctl("probe", target);
        Assert.Contains("bytes from", Ofctl("ping", target, "64"), StringComparison.Ordinal);
        Assert.Contains("Finished in", Ofctl("benchmark", target, "100", "10"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ptcp:0:127.0.0.1")]
    [InlineData("pssl:0:127.0.0.1")]
    [InlineData("punix:")]
    public void Ovs_ofctl_monitors(string listen)
    {
        OvsTools.Require("ovs-ofctl");
        listen += listen == "punix:" ? _pki.PathOf("mgmt") : "";
        using AgentHarness harness = new(new AgentOptions { Listeners = [AgentHarness.Target(listen)], Tls = _ours, TimeProvider = new TestTime() });
        OvsTools.MonitorPacketIns(harness, [.. _theirs, "--ca-cert", _pki.Authority, TargetOf(harness)]);
    }

    [Fact]
    public void Ovs_ofctl_of_another_authority_is_refused()
    {
        OvsTools.Require("ovs-ofctl");
        using TestCertificates stranger = new("another CA");
        (string key, string certificate) = stranger.Issue("stranger");
        using AgentHarness harness = new(new AgentOptions { Listeners = [AgentHarness.Target("pssl:0:127.0.0.1")], Tls = _ours });
        using RunningCommand show = RunningCommand.Start(
            "ovs-ofctl",
            ["-O", "OpenFlow10", "--timeout=20", "--private-key", key, "--certificate", certificate, "--ca-cert", _pki.Authority, "show", TargetOf(harness)]);

        Assert.NotEqual(0, show.WaitForEnd(OvsTools.Patience).ExitCode);
        harness.WaitForLog("refused: the peer's certificate is not signed by the CA in");
    }

    [Fact]
    public void Ovs_testcontroller_makes_it_a_learning_switch_over_tls_and_its_authority_is_learned()
    {
        OvsTools.Require("ovs-testcontroller");
        int port = OvsTools.FreePort();
        using RunningCommand controller = RunningCommand.Start(
            "ovs-testcontroller", ["--unixctl=none", .. _theirs, "--ca-cert", _pki.Authority, $"pssl:{port}:127.0.0.1"]);
        (string key, string certificate) = _pki.Issue("learner");
        string learned = _pki.PathOf("learned.pem");
        using TlsCredentials credentials = TlsCredentials.Load(new TlsFiles(key, certificate, learned, Bootstrap: true));
        using AgentHarness harness = new(new AgentOptions { Controllers = [AgentHarness.Target($"ssl:127.0.0.1:{port}")], Tls = credentials });
        harness.WaitForLog("connected");
        byte[] frame = TestPacket.Tcp(dlSrc: 0x0200_0000_0001, dlDst: 0x0200_0000_0002);

        Assert.Equal(frame, OvsTools.SendUntilReceived(harness, frame));
        Assert.Equal(File.ReadAllText(_pki.Authority).Trim(), File.ReadAllText(learned).Trim());
    }

    [Fact]
    public void Ovs_testcontroller_makes_it_a_learning_switch_over_a_unix_socket()
    {
        OvsTools.Require("ovs-testcontroller");
        string path = _pki.PathOf("controller");
        using RunningCommand controller = RunningCommand.Start("ovs-testcontroller", ["--unixctl=none", $"punix:{path}"]);
        using AgentHarness harness = new(new AgentOptions { Controllers = [AgentHarness.Target($"unix:{path}")] });
        harness.WaitForLog("connected");
        byte[] frame = TestPacket.Tcp(dlSrc: 0x0200_0000_0001, dlDst: 0x0200_0000_0002);

        Assert.Equal(frame, OvsTools.SendUntilReceived(harness, frame));
    }

    [Fact]
    public void Open_vSwitch_serves_our_controller_over_tls()
    {
        using Client.OvsSwitch ovs = Client.OvsSwitch.Start();
        using LearningController controller = new(new LearningOptions { Listen = "pssl:0:127.0.0.1", Tls = _ours });
        controller.Start();
        ovs.Vsctl("set-ssl", _theirs[1], _theirs[3], _pki.Authority, "--", "set-controller", "br0", $"ssl:127.0.0.1:{controller.Port}");

        Eventually.True(() => controller.SwitchCount == 1, "the switch connected");
    }

    [Fact]
    public void Open_vSwitch_learns_our_controllers_authority_and_connects()
    {
        using Client.OvsSwitch ovs = Client.OvsSwitch.Start();
        using LearningController controller = new(new LearningOptions { Listen = "pssl:0:127.0.0.1", Tls = _ours });
        controller.Start();
        string learned = _pki.PathOf("learned-by-ovs.pem");
        ovs.Vsctl("--", "--bootstrap", "set-ssl", _theirs[1], _theirs[3], learned, "--", "set-controller", "br0", $"ssl:127.0.0.1:{controller.Port}");

        // It learns, drops that connection, and makes another that it trusts.
        string authority = File.ReadAllText(_pki.Authority).Trim();
        Eventually.True(() => File.Exists(learned) && File.ReadAllText(learned).Contains(authority, StringComparison.Ordinal), "our CA is learned");
        Eventually.True(() => controller.SwitchCount == 1, "the switch connected");
    }

    private static string TargetOf(AgentHarness harness)
    {
        ConnectionTarget listener = harness.Agent.Options.Listeners[0];
        return listener.Transport == ConnectionTransport.Unix
            ? $"unix:{listener.Host}"
            : $"{(listener.NeedsTls ? "ssl" : "tcp")}:127.0.0.1:{harness.Agent.ListenPorts[0]}";
    }

    private string Ofctl(params string[] arguments) => OvsTools.Ofctl([.. _theirs, "--ca-cert", _pki.Authority, .. arguments]);
}
