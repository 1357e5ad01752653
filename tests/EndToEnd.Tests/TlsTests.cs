using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The commands under TLS and on Unix sockets, with the options a person gives.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly TestCertificates _pki = new();

    public void Dispose() => _pki.Dispose();

    [Fact]
    public void Our_controller_switch_and_client_work_together_over_tls()
    {
        Needs.Namespaces("ping");
        using var lab = new CabledHosts();
        using RunningCommand controller = lab.Start("controller", ["--listen", "pssl:6653:127.0.0.1", .. Files("controller")]);
        string settings = _pki.PathOf("switch.yaml");
        (string key, string certificate) = _pki.Issue("switch");
        File.WriteAllText(settings, $"controller: ssl:127.0.0.1\nprivate-key: {key}\ncertificate: {certificate}\nca-cert: {_pki.Authority}\n");
        using HostedSwitch running = lab.StartSwitch("--listen", "pssl:6654", "--config", settings);
        running.WaitForText("ssl:127.0.0.1:6653: connected");
        // A controller that is slower than a buffer is kept costs a packet.
        Eventually.True(() => lab.Ping(1, 2) == 3, () => running.Error);

        using RunningCommand steady = lab.Host(1).Start("ping", "-n", "-i", "0.1", "10.0.0.2"); // the controller's flows do not last without
        using RunningCommand dump = lab.Start("ofctl", ["dump-flows", "ssl:127.0.0.1:6654", .. Files("client")]);
        Assert.Contains("icmp", dump.WaitForEnd(SwitchProgram.Patience).Checked().Output, StringComparison.Ordinal);
    }

    private string[] Files(string name)
    {
        (string key, string certificate) = _pki.Issue(name);
        return ["--private-key", key, "--certificate", certificate, "--ca-cert", _pki.Authority];
    }
}
