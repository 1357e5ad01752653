using Softswitch.OfAgent.Tests.Agent;

namespace Softswitch.OfAgent.Tests.Connections;

public sealed class ConnectionTargetTests
{
    [Theory]
    [InlineData("tcp:127.0.0.1", ConnectionTransport.Tcp, false, "127.0.0.1", 6653)]
    [InlineData("tcp:127.0.0.1:6653", ConnectionTransport.Tcp, false, "127.0.0.1", 6653)]
    [InlineData("tcp:controller.example:1", ConnectionTransport.Tcp, false, "controller.example", 1)]
    [InlineData("tcp:[::1]:6653", ConnectionTransport.Tcp, false, "::1", 6653)]
    [InlineData("tcp:[::1]", ConnectionTransport.Tcp, false, "::1", 6653)]
    [InlineData("tcp:::1", ConnectionTransport.Tcp, false, "::1", 6653)]
    [InlineData("ptcp:", ConnectionTransport.Tcp, true, "", 6653)]
    [InlineData("ptcp:6654", ConnectionTransport.Tcp, true, "", 6654)]
    [InlineData("ptcp:6654:127.0.0.1", ConnectionTransport.Tcp, true, "127.0.0.1", 6654)]
    [InlineData("ptcp::127.0.0.1", ConnectionTransport.Tcp, true, "127.0.0.1", 6653)]
    [InlineData("ptcp:0:[::1]", ConnectionTransport.Tcp, true, "::1", 0)]
    [InlineData("ssl:127.0.0.1", ConnectionTransport.Tls, false, "127.0.0.1", 6653)]
    [InlineData("ssl:[::1]:1", ConnectionTransport.Tls, false, "::1", 1)]
    [InlineData("pssl:", ConnectionTransport.Tls, true, "", 6653)]
    [InlineData("pssl:6654:127.0.0.1", ConnectionTransport.Tls, true, "127.0.0.1", 6654)]
    [InlineData("unix:/run/a:b", ConnectionTransport.Unix, false, "/run/a:b", 0)]
    [InlineData("punix:relative", ConnectionTransport.Unix, true, "relative", 0)]
    public void A_target_is_understood(string text, ConnectionTransport transport, bool isPassive, string host, int port)
    {
        Assert.True(ConnectionTarget.TryParse(text, out ConnectionTarget? target, out _));
        Assert.Equal(new ConnectionTarget(transport, isPassive, host, port), target);
    }

    [Theory]
    [InlineData("ptcp:", true)]
    [InlineData("ptcp:6654", true)]
    [InlineData("ptcp:6654:0.0.0.0", true)]
    [InlineData("ptcp:6654:[::]", true)]
    [InlineData("ptcp:6654:127.0.0.1", false)]
    [InlineData("ptcp:6654:localhost", false)]
    [InlineData("pssl:6654", false)]
    [InlineData("punix:/run/a", false)]
    public void Listening_at_all_addresses_without_authentication_is_said_in_the_same_line(string text, bool isOpen)
    {
        ConnectionTarget target = AgentHarness.Target(text);
        Assert.StartsWith($"listening: {target}", target.ListeningLine, StringComparison.Ordinal);
        Assert.Equal(isOpen, target.ListeningLine.EndsWith("on all addresses, without authentication: whoever reaches this host is let in (name a HOST, or use pssl:)", StringComparison.Ordinal));
        Assert.Equal(isOpen, target.ListeningLine != $"listening: {target}");
    }

    [Theory]
    [InlineData("ptcp:0", 7, "tcp:127.0.0.1:7")]
    [InlineData("ptcp:7:0.0.0.0", 7, "tcp:127.0.0.1:7")]
    [InlineData("pssl:7:[::]", 7, "ssl:[::1]:7")]
    [InlineData("ptcp:7:192.0.2.1", 7, "tcp:192.0.2.1:7")]
    [InlineData("punix:/run/of", 0, "unix:/run/of")]
    public void Who_listens_is_reached_from_the_same_host(string text, int port, string expected) =>
        Assert.Equal(expected, $"{AgentHarness.Target(text).ToReach(port)}");

    [Theory]
    [InlineData("")]
    [InlineData("tcp")]
    [InlineData("tcp:")]
    [InlineData("tcp::6633")]
    [InlineData("tcp:host:0")]
    [InlineData("tcp:host:65536")]
    [InlineData("tcp:host:-1")]
    [InlineData("ptcp:x")]
    [InlineData("ptcp")]
    [InlineData("udp:host:1")]
    [InlineData("ptcp6:1")]
    [InlineData("p")]
    [InlineData("unix:")]
    [InlineData("punix")]
    [InlineData("ssl:host:ssl")]
    [InlineData("pssl:70000")]
    [InlineData("127.0.0.1:6633")]
    public void What_is_no_target_is_refused_with_the_text_in_the_message(string text)
    {
        Assert.False(ConnectionTarget.TryParse(text, out _, out string error));
        Assert.Contains($"'{text}'", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tcp:127.0.0.1:6653")]
    [InlineData("tcp:[::1]:6633")]
    [InlineData("ptcp:6654")]
    [InlineData("ptcp:6654:[::1]")]
    [InlineData("ssl:host:6653")]
    [InlineData("pssl:6653")]
    [InlineData("unix:/run/switch.mgmt")]
    [InlineData("punix:a:b")]
    public void A_target_prints_as_it_is_written(string text)
    {
        Assert.Equal(text, AgentHarness.Target(text).ToString());
    }
}
