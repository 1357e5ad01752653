using System.Net.Sockets;
using System.Text.RegularExpressions;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Learning;
using Softswitch.OfAgent.Tests.Agent;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Connections;

/// <summary>Connections under TLS, with certificates of both sides, made for the test.</summary>
public sealed class TlsTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TestCertificates _pki = new();
    private readonly List<TlsCredentials> _loaded = [];

    public void Dispose()
    {
        _loaded.ForEach(credentials => credentials.Dispose());
        _pki.Dispose();
    }

    [Fact]
    public void A_client_under_tls_changes_and_reads_flows()
    {
        using AgentHarness harness = Listen();
        using OfClient client = OfClient.Connect(Target(harness), Patience, Issue(_pki, "client"));
        for (ushort priority = 1; priority <= 5000; priority++)
        {
            client.Send(new FlowMod { Match = FlowMatch.Any, Priority = priority, Actions = new FlowAction[] { FlowAction.Output(2) } });
        }

        Assert.Equal(0, client.Barrier());
        Assert.True(client.TryReadAggregate(new FlowFilter(FlowMatch.Any), out AggregateStatistics total));
        Assert.Equal(5000u, total.FlowCount);
    }

    [Fact]
    public void The_switch_connects_to_a_controller_under_tls_which_then_forwards()
    {
        using LearningController controller = new(new LearningOptions { Listen = "pssl:0:127.0.0.1", Tls = Issue(_pki, "controller") });
        controller.Start();
        using AgentHarness harness = new(new AgentOptions
        {
            Controllers = [AgentHarness.Target($"ssl:127.0.0.1:{controller.Port}")],
            Tls = Issue(_pki, "switch"),
        });
        harness.WaitForLog("connected");
        Eventually.True(() => harness.ReadMissBehaviour() == MissBehaviour.Controller, "the controller is in charge");
        harness.Ports[1].TryInject(TestPacket.Icmp());

        Eventually.True(() => harness.Ports[2].Collect().Count > 0, "the controller floods what it does not know");
    }

    [Fact]
    public void A_connection_that_another_thread_closed_before_the_handshake_is_refused()
    {
        using SocketListener listener = new(AgentHarness.Target("pssl:0:127.0.0.1"), Issue(_pki, "switch"));
        using TcpClient peer = new("127.0.0.1", listener.Port);
        using IChannel channel = listener.Accept()!;
        channel.Abort();
        Assert.Throws<TlsException>(() => channel.Open(CancellationToken.None));
    }

    [Fact]
    public void A_client_of_another_authority_is_refused_and_so_is_a_switch_of_another()
    {
        using TestCertificates stranger = new("another CA");
        using AgentHarness harness = Listen();
        OfClientException ours = Assert.Throws<OfClientException>(() => Connect(harness, Issue(stranger, "client")));
        Assert.Contains($"the peer's certificate is not signed by the CA in {stranger.Authority}", ours.Message, StringComparison.Ordinal);

        (string key, string certificate) = stranger.Issue("forged");
        OfClientException theirs = Assert.Throws<OfClientException>(() => Connect(harness, Load(new TlsFiles(key, certificate, _pki.Authority))));
        Assert.Contains("it does not accept our certificate", theirs.Message, StringComparison.Ordinal);
        harness.WaitForLog($"refused: the peer's certificate is not signed by the CA in {_pki.Authority}");
    }

    [Fact]
    public void A_controller_that_does_not_accept_our_certificate_is_a_line_that_says_certificate()
    {
        using TestCertificates stranger = new("another CA");
        (string key, string certificate) = stranger.Issue("forged");
        using LearningController controller = new(new LearningOptions { Listen = "pssl:0:127.0.0.1", Tls = Issue(_pki, "controller") });
        controller.Start();
        using AgentHarness harness = new(new AgentOptions
        {
            Controllers = [AgentHarness.Target($"ssl:127.0.0.1:{controller.Port}")],
            Tls = Load(new TlsFiles(key, certificate, _pki.Authority)),
        });
        Assert.Contains("not accept our certificate", harness.WaitForLog("trying again"), StringComparison.Ordinal);
    }

    [Fact]
    public void An_expired_certificate_is_refused_with_its_date()
    {
        (string key, string certificate) = _pki.Issue("old", expired: true);
        TlsException refusal = Assert.Throws<TlsException>(() => Load(new TlsFiles(key, certificate, _pki.Authority)));
        Assert.Contains($"--certificate: {_pki.PathOf("old-cert.pem")}: expired on ", refusal.Message, StringComparison.Ordinal);
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void An_expired_certificate_of_a_peer_is_refused_with_its_date()
    {
        RequireTool("openssl");
        (string key, string certificate) = _pki.Issue("old", expired: true);
        using AgentHarness harness = Listen();
        using RunningCommand peer = RunningCommand.Start(
            "openssl", ["s_client", "-connect", $"127.0.0.1:{harness.Agent.ListenPorts[0]}", "-key", key, "-cert", certificate, "-CAfile", _pki.Authority]);
        harness.WaitForLog("refused: the peer's certificate expired on ");
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void A_peer_without_a_certificate_and_one_without_tls_are_refused()
    {
        RequireTool("openssl");
        using AgentHarness harness = Listen();
        using RunningCommand bare = RunningCommand.Start(
            "openssl", ["s_client", "-connect", $"127.0.0.1:{harness.Agent.ListenPorts[0]}", "-CAfile", _pki.Authority]);
        harness.WaitForLog("refused: the peer presented no certificate");
        using RawController clear = new(harness.Agent.ListenPorts[0]);
        clear.Send(b => HelloMessage.Write(b, 1));
        harness.WaitForLog("refused: TLS");
        Assert.Empty(harness.Agent.ReadConnections());
    }

    [Fact]
    public void Peers_that_stall_in_the_handshake_keep_nobody_waiting_and_are_given_up()
    {
        TestTime time = new();
        using AgentHarness harness = Listen(time);
        using RawController mute = new(harness.Agent.ListenPorts[0]);
        using RawController slow = new(harness.Agent.ListenPorts[0]);
        slow.SendHex("16 03 01"); // the beginning of a handshake
        using (OfClient client = Connect(harness, Issue(_pki, "client")))
        {
            Assert.Equal(0, client.Barrier());
        }
        Eventually.True(
            () =>
            {
                time.Advance(AgentOptions.ConnectTimeout); // again, for one whose handshake began only now
                return mute.Socket.Poll(TimeSpan.Zero, SelectMode.SelectRead) && slow.Socket.Poll(TimeSpan.Zero, SelectMode.SelectRead);
            },
            "both are given up");

        harness.WaitForLog("refused: no TLS handshake within 5 s"); // the other is counted
        Assert.True(IsClosed(mute.Socket) && IsClosed(slow.Socket));
    }

    [Fact]
    public void A_controller_that_stalls_in_the_handshake_is_tried_again()
    {
        using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target);
        TestTime time = new();
        using AgentHarness harness = new(new AgentOptions
        {
            Controllers = [target with { Transport = ConnectionTransport.Tls }],
            Tls = Issue(_pki, "switch"),
            TimeProvider = time,
        });
        using (AgentHarness.Accept(listener))
        {
            time.WaitForTimer(AgentOptions.ConnectTimeout);
            time.Advance(AgentOptions.ConnectTimeout);
            harness.WaitForLog("no answer within 5 s");
        }
        time.WaitForTimer(TimeSpan.FromSeconds(1));
        time.Advance(TimeSpan.FromSeconds(1));
        AgentHarness.Accept(listener).Dispose();
    }

    [Fact]
    public void Disposing_ends_a_handshake_that_stalls()
    {
        AgentHarness harness = Listen();
        using RawController mute = new(harness.Agent.ListenPorts[0]);
        mute.SendHex("16 03 01");
        harness.Dispose();

        Assert.True(IsClosed(mute.Socket));
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void The_first_peers_authority_is_stored_and_believed_from_then_on()
    {
        // The peer presents its authority, as Open vSwitch does: a file with both stands for it.
        string stored = _pki.PathOf("stored.pem");
        (string key, string certificate) = _pki.Issue("switch");
        using AgentHarness harness = Listen(tls: Load(new TlsFiles(key, certificate, stored, Bootstrap: true)));
        RequireTool("openssl");
        (string clientKey, string clientCertificate) = _pki.Issue("client");
        using (RunningCommand first = RunningCommand.Start(
            "openssl", ["s_client", "-connect", $"127.0.0.1:{harness.Agent.ListenPorts[0]}", "-key", clientKey, "-cert", clientCertificate, "-cert_chain", _pki.Authority]))
        {
            Eventually.True(() => File.Exists(stored), "the CA is stored");
        }

        Assert.Equal(File.ReadAllText(_pki.Authority).Trim(), File.ReadAllText(stored).Trim());
        using (OfClient client = Connect(harness, Load(new TlsFiles(clientKey, clientCertificate, _pki.Authority))))
        {
            Assert.Equal(0, client.Barrier());
        }
        using TestCertificates stranger = new("another CA");
        (string strangerKey, string strangerCertificate) = stranger.Issue("stranger");
        Assert.Throws<OfClientException>(() => Connect(harness, Load(new TlsFiles(strangerKey, strangerCertificate, _pki.Authority))));
        harness.WaitForLog($"not signed by the CA in {stored}");
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void The_chain_in_the_certificates_file_is_presented_up_to_its_root_and_only_that()
    {
        RequireTool("openssl");
        using TestCertificates stranger = new("another CA");
        (string key, string certificate) = _pki.Issue("switch", withAuthority: true);
        File.AppendAllText(certificate, "\n" + File.ReadAllText(stranger.Authority));
        (string bareKey, string bareCertificate) = _pki.Issue("bare");

        Assert.Equal(["CN = switch", "CN = test CA"], Presented(new TlsFiles(key, certificate, _pki.Authority)));
        Assert.Equal(["CN = bare"], Presented(new TlsFiles(bareKey, bareCertificate, _pki.Authority)));
    }

    [Fact]
    public void Our_two_ends_learn_each_others_authority()
    {
        (string key, string certificate) = _pki.Issue("switch", withAuthority: true);
        (string clientKey, string clientCertificate) = _pki.Issue("client", withAuthority: true);
        using AgentHarness harness = Listen(tls: Load(new TlsFiles(key, certificate, _pki.PathOf("by-switch.pem"), Bootstrap: true)));
        using OfClient client = Connect(harness, Load(new TlsFiles(clientKey, clientCertificate, _pki.PathOf("by-client.pem"), Bootstrap: true)));

        Assert.Equal(0, client.Barrier());
        Assert.Equal(File.ReadAllText(_pki.Authority).Trim(), File.ReadAllText(_pki.PathOf("by-switch.pem")).Trim());
        Assert.Equal(File.ReadAllText(_pki.Authority).Trim(), File.ReadAllText(_pki.PathOf("by-client.pem")).Trim());
    }

    [Fact]
    public void Each_file_that_cannot_be_used_is_named_with_the_reason()
    {
        (string key, string certificate) = _pki.Issue("one");
        (string otherKey, string _) = _pki.Issue("two");
        string rubbish = _pki.PathOf("rubbish.pem");
        File.WriteAllText(rubbish, "-----BEGIN CERTIFICATE-----\nnot base64 at all\n-----END CERTIFICATE-----\n");
        string missing = _pki.PathOf("missing.pem");

        Assert.Equal(
            $"--private-key: {missing}: no such file\n--certificate: {rubbish} holds no certificate in PEM\n--ca-cert: {key} holds no certificate in PEM",
            LoadError(new TlsFiles(missing, rubbish, key)));
        Assert.Equal(
            $"--private-key: {otherKey} is damaged or does not belong to the certificate in {certificate}",
            LoadError(new TlsFiles(otherKey, certificate, _pki.Authority)));
        Assert.Equal(
            $"--private-key: {certificate} holds no private key in PEM", LoadError(new TlsFiles(certificate, certificate, _pki.Authority)));
        Assert.Equal($"--ca-cert: {missing}: no such file", LoadError(new TlsFiles(key, certificate, missing)));
    }

    [Fact]
    public void Renewed_credentials_are_presented_from_then_on_and_connections_that_were_there_stay()
    {
        RequireTool("openssl");
        using AgentHarness harness = Listen();
        using OfClient before = Connect(harness, Issue(_pki, "client"));
        Assert.Equal(0, before.Barrier());
        (string key, string certificate) = _pki.Issue("renewed");
        TlsFiles files = new(key, certificate, _pki.Authority);
        Assert.DoesNotContain("renewed", string.Join('\n', Presented(harness, files)), StringComparison.Ordinal);
        harness.Agent.UseTls(Load(files));

        Assert.Contains("renewed", Presented(harness, files)[0], StringComparison.Ordinal);
        Assert.Equal(0, before.Barrier());
    }

    /// <summary>The subjects of the certificates that our end presents, in their order.</summary>
    private string[] Presented(TlsFiles files)
    {
        using AgentHarness harness = Listen(tls: Load(files));
        return Presented(harness, files);
    }

    private static string[] Presented(AgentHarness harness, TlsFiles files)
    {
        using RunningCommand client = RunningCommand.Start(
            "openssl", ["s_client", "-showcerts", "-connect", $"127.0.0.1:{harness.Agent.ListenPorts[0]}", "-cert", files.Certificate, "-key", files.PrivateKey]);
        string said = client.WaitForEnd(Patience).Output;
        return [.. Regex.Matches(said, @"^ *\d+ s:(.*)$", RegexOptions.Multiline).Select(match => match.Groups[1].Value)];
    }

    private static string LoadError(TlsFiles files) => Assert.Throws<TlsException>(() => TlsCredentials.Load(files)).Message;

    private static OfClient Connect(AgentHarness harness, TlsCredentials credentials) => OfClient.Connect(Target(harness), Patience, credentials);

    private static string Target(AgentHarness harness) => $"ssl:127.0.0.1:{harness.Agent.ListenPorts[0]}";

    /// <summary>Whether the other end closes; what it said before is passed over.</summary>
    private static bool IsClosed(Socket socket)
    {
        byte[] bytes = new byte[4096];
        int count;
        do
        {
            count = socket.Receive(bytes, SocketFlags.None, out SocketError error);
            if (error != SocketError.Success)
            {
                return error == SocketError.ConnectionReset;
            }
        }
        while (count > 0);
        return true;
    }

    private static void RequireTool(string name) =>
        Assert.SkipUnless(File.Exists($"/usr/bin/{name}"), $"{name} is not installed (apt-get install {name})");

    private AgentHarness Listen(TimeProvider? time = null, TlsCredentials? tls = null) => new(new AgentOptions
    {
        Listeners = [AgentHarness.Target("pssl:0:127.0.0.1")],
        Tls = tls ?? Issue(_pki, "switch"),
        TimeProvider = time ?? new TestTime(),
    });

    private TlsCredentials Issue(TestCertificates pki, string name)
    {
        (string key, string certificate) = pki.Issue(name);
        return Load(new TlsFiles(key, certificate, pki.Authority));
    }

    private TlsCredentials Load(TlsFiles files)
    {
        TlsCredentials credentials = TlsCredentials.Load(files);
        _loaded.Add(credentials);
        return credentials;
    }
}
