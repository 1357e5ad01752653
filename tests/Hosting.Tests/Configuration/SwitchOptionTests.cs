using Softswitch.Hosting.Configuration;

namespace Softswitch.Hosting.Tests.Configuration;

public sealed class SwitchOptionTests
{
    /// <summary>Of every option a value that is not its default, all of them good together.</summary>
    public static readonly (string Name, string Value)[] Given =
    [
        ("port", "1=tap:one"), ("port", "2=packet:two,rate=100M"), ("port", "local=tap:sw0"), ("port", "9=nf2c1"), ("port", "10=nf2c0"), ("port", "11=nf2c2"), ("port", "12=nf2c3"),
        ("netfpga", "emulator,offload=strict"), ("queue", "2:5,min-rate=10M"), ("queue", "local:0,max-rate=1G"), ("flows", "f.txt"), ("flows", "actions=drop"), ("state", "/tmp/s"),
        ("datapath-id", "0000000000000042"),
        ("controller", "ssl:192.0.2.1:6653"), ("controller", "tcp:[2001:db8::1]:6633"), ("listen", "ptcp:6654:127.0.0.1"), ("listen", "punix:/tmp/x y"),
        ("name", "edge-1"), ("control", "punix:/tmp/c"), ("web", "[::1]:8080"), ("private-key", "k"), ("certificate", "c"), ("ca-cert", "a"),
        ("fail-mode", "standalone"), ("in-band", "true"), ("packet-in-rate", "7"), ("packet-in-burst", "8"), ("frames", "4096"), ("frame-size", "4096"),
        ("buffers", "17"), ("buffer-timeout", "18"), ("action-memory", "19"), ("emergency-flows", "20"), ("emergency-attempts", "21"), ("workers", "2"),
        ("cpus", "3,5"), ("idle", "spin"), ("log-level", "warning"), ("log-format", "json"), ("stp", "true"), ("stp-priority", "4096"), ("stp-hello", "1"),
        ("stp-max-age", "19"), ("stp-forward-delay", "14"),
    ];

    [Fact]
    public void What_was_given_is_shown_as_it_was_given()
    {
        SwitchOptions options = Read(Given);
        foreach (SwitchOption option in SwitchOption.All.Where(option => option.Name is not ("bootstrap-ca-cert" or "take-over"))) // that one is for the start alone
        {
            string[] given = [.. Given.Where(one => one.Name == option.Name).Select(one => one.Value)];
            Assert.True(given.Length > 0, $"{option.Name}: give it a value here");
            Assert.NotEqual(option.DefaultValue, given[0]);
            Assert.Equal(given.Order(), option.Show(options).Order());
        }
        (string, string)[] other = [.. Given.Select(one => one.Name == "ca-cert" ? ("bootstrap-ca-cert", "b") : one)];
        Assert.Equal(["b"], SwitchOption.All.Single(option => option.Name == "bootstrap-ca-cert").Show(Read(other)));
    }

    [Fact]
    public void A_default_is_what_holds_without_the_option()
    {
        SwitchOptions options = Read(("port", "null:"));
        Assert.All(SwitchOption.All.Where(option => option.Name != "port"), option => Assert.Equal(option.DefaultValue, option.Show(options).FirstOrDefault()));
    }

    [Fact]
    public void A_port_shows_the_number_it_got()
    {
        SwitchOption port = SwitchOption.All.Single(option => option.Name == "port");
        Assert.Equal(["2=null:", "1=eth1,rate=1G", "local=tap:x"], port.Show(Read(("port", "2=null:"), ("port", "eth1,rate=1G"), ("port", "local=tap:x"))));
    }

    private static SwitchOptions Read(params (string Name, string Value)[] given) =>
        SwitchOptionsReader.Read([.. given.Select(one => new Setting(one.Name, one.Value, $"--{one.Name}"))]);
}
