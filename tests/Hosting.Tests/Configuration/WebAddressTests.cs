using System.Net;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Hosting.Tests.Configuration;

/// <summary>The value of --web.</summary>
public sealed class WebAddressTests
{
    [Theory]
    [InlineData("8080", "127.0.0.1:8080")]
    [InlineData("localhost:0", "127.0.0.1:0")]
    [InlineData("0.0.0.0:80", "0.0.0.0:80")]
    [InlineData("[::1]:8080", "[::1]:8080")]
    public void A_port_alone_is_at_the_loopback_address(string text, string expected)
    {
        Assert.True(WebAddress.TryParse(text, out IPEndPoint address, out string error), error);
        Assert.Equal(expected, address.ToString());
    }

    [Theory]
    [InlineData("", "'': '' is not a port from 0 to 65535")]
    [InlineData("65536", "'65536' is not a port")]
    [InlineData("host:80", "'host' is no IP address")]
    [InlineData(":80", "'' is no IP address")]
    [InlineData("::1:80", "an IPv6 address stands in brackets")]
    [InlineData("127.0.0.1:", "'' is not a port")]
    [InlineData("127.0.0.1:-1", "'-1' is not a port")]
    public void What_is_no_address_is_refused_with_the_reason(string text, string reason)
    {
        Assert.False(WebAddress.TryParse(text, out _, out string error));
        Assert.Contains(reason, error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_library_alone_serves_nothing_and_says_that_it_has_no_such_option() =>
        Assert.Contains("--web: there is no such option", Assert.Throws<OptionException>(() => SwitchOptions.Parse(("port", "null:"), ("web", "80"))).Message, StringComparison.Ordinal);
}
