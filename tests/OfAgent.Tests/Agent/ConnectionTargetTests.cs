using Softswitch.OfAgent.Agent;

namespace Softswitch.OfAgent.Tests.Agent;

public sealed class ConnectionTargetTests
{
    [Theory]
    [InlineData("tcp:127.0.0.1", false, "127.0.0.1", 6633)]
    [InlineData("tcp:127.0.0.1:6653", false, "127.0.0.1", 6653)]
    [InlineData("tcp:controller.example:1", false, "controller.example", 1)]
    [InlineData("tcp:[::1]:6653", false, "::1", 6653)]
    [InlineData("tcp:[::1]", false, "::1", 6633)]
    [InlineData("tcp:::1", false, "::1", 6633)]
    [InlineData("ptcp:", true, "", 6633)]
    [InlineData("ptcp:6654", true, "", 6654)]
    [InlineData("ptcp:6654:127.0.0.1", true, "127.0.0.1", 6654)]
    [InlineData("ptcp::127.0.0.1", true, "127.0.0.1", 6633)]
    [InlineData("ptcp:0:[::1]", true, "::1", 0)]
    public void A_target_is_understood(string text, bool isPassive, string host, int port)
    {
        Assert.True(ConnectionTarget.TryParse(text, out ConnectionTarget? target, out _));
        Assert.Equal(new ConnectionTarget(ConnectionTransport.Tcp, isPassive, host, port), target);
    }

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
    public void A_target_prints_as_it_is_written(string text)
    {
        Assert.Equal(text, AgentHarness.Target(text).ToString());
    }
}
