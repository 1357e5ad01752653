using System.Globalization;
using System.Net;

namespace Softswitch.Hosting.Configuration;

/// <summary>Where the page and the metrics are served: the value of <c>--web</c>.</summary>
internal static class WebAddress
{
    public const string Form = "[HOST:]PORT";

    /// <param name="text">Such as <c>8080</c>, <c>0.0.0.0:8080</c>, <c>[::1]:8080</c>, <c>localhost:0</c>; port 0 lets the system choose one.</param>
    /// <param name="error">What is wrong, fit to follow the option's name.</param>
    public static bool TryParse(string text, out IPEndPoint address, out string error)
    {
        address = new IPEndPoint(IPAddress.Loopback, 0);
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? "localhost" : text[..colon];
        string port = text[(colon + 1)..];
        IPAddress? ip = IPAddress.Loopback;
        if (host != "localhost" && !IPAddress.TryParse(host, out ip))
        {
            error = $"'{text}': '{host}' is no IP address of this machine's, as 127.0.0.1 or [::1] (see --web {Form})";
            return false;
        }
        if (ip.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 && !host.StartsWith('['))
        {
            error = $"'{text}': an IPv6 address stands in brackets, as [::1]:8080";
            return false;
        }
        if (!int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number > IPEndPoint.MaxPort)
        {
            error = $"'{text}': '{port}' is not a port from 0 to {IPEndPoint.MaxPort}";
            return false;
        }
        address = new IPEndPoint(ip, number);
        error = string.Empty;
        return true;
    }
}
