using System.Globalization;
using System.Net;

namespace Softswitch.OfAgent.Connections;

/// <summary>How bytes travel between switch and controller.</summary>
public enum ConnectionTransport
{
    /// <summary>TCP in clear: <c>tcp:</c>, <c>ptcp:</c>.</summary>
    Tcp,

    /// <summary>TLS over TCP: <c>ssl:</c>, <c>pssl:</c>, named as Open vSwitch does.</summary>
    Tls,

    /// <summary>A stream socket in the file system: <c>unix:</c>, <c>punix:</c>.</summary>
    Unix,
}

/// <summary>Where to connect to, or where to listen, in Open vSwitch's words.</summary>
/// <param name="Host">Name or address; empty for a listener on all IPv4 addresses, as with Open vSwitch; the path of a Unix socket.</param>
/// <param name="Port">TCP port; 0 lets the system choose one to listen on; 0 for a Unix socket.</param>
public sealed record ConnectionTarget(ConnectionTransport Transport, bool IsPassive, string Host, int Port)
{
    /// <summary>The port IANA gave OpenFlow, which Open vSwitch and today's controllers use; the 6633 of the early days must be named.</summary>
    public const int DefaultPort = 6653;

    /// <summary>What a target to connect to looks like.</summary>
    public const string ActiveForms = "tcp:HOST[:PORT], ssl:HOST[:PORT] or unix:PATH";

    /// <summary>What a target to listen on looks like.</summary>
    public const string PassiveForms = "ptcp:[PORT][:HOST], pssl:[PORT][:HOST] or punix:PATH";

    /// <summary>Whether certificates are needed.</summary>
    public bool NeedsTls => Transport == ConnectionTransport.Tls;

    /// <summary>Whether the listener takes connections at every address of this host, without authentication.</summary>
    public bool IsOpenToAll =>
        IsPassive && Transport == ConnectionTransport.Tcp
        && (Host.Length == 0 || (IPAddress.TryParse(Host, out IPAddress? address) && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))));

    /// <summary>What to say once it is listened on; a warning with it where there is cause.</summary>
    public string ListeningLine =>
        $"listening: {this}" + (IsOpenToAll ? $" {OpenToAllWarning}" : "");

    internal const string OpenToAllWarning =
        "on all addresses, without authentication: whoever reaches this host is let in (name a HOST, or use pssl:)";

    /// <summary>Whether the two cannot be listened on at once.</summary>
    internal bool Overlaps(ConnectionTarget other) =>
        (Transport == ConnectionTransport.Unix) == (other.Transport == ConnectionTransport.Unix)
        && (Transport == ConnectionTransport.Unix ? Host == other.Host : Port == other.Port && Port != 0);

    /// <summary>The target by which a client on this host reaches the listener.</summary>
    /// <param name="port">The one listened on.</param>
    internal ConnectionTarget ToReach(int port) => this with
    {
        IsPassive = false,
        Port = port,
        Host = Host.Length == 0 || Host == $"{IPAddress.Any}" ? $"{IPAddress.Loopback}"
            : Host == $"{IPAddress.IPv6Any}" ? $"{IPAddress.IPv6Loopback}"
            : Host,
    };

    private string Scheme => (IsPassive ? "p" : "") + Transport switch
    {
        ConnectionTransport.Tcp => "tcp",
        ConnectionTransport.Tls => "ssl",
        _ => "unix",
    };

    /// <summary>The target a text names.</summary>
    /// <param name="text">As for <see cref="TryParse"/>.</param>
    /// <exception cref="FormatException">It is none; the message says why.</exception>
    public static implicit operator ConnectionTarget(string text) =>
        TryParse(text, out ConnectionTarget? target, out string error) ? target! : throw new FormatException(error);

    /// <param name="text">Such as <c>tcp:127.0.0.1:6653</c>, <c>ssl:[::1]</c>, <c>ptcp:6654:127.0.0.1</c>, <c>ptcp:</c>, <c>punix:/run/switch</c>.</param>
    /// <param name="error">What is wrong, fit to follow the option's name.</param>
    public static bool TryParse(string text, out ConnectionTarget? target, out string error)
    {
        target = null;
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string scheme = colon < 0 ? "" : text[..colon];
        string rest = text[(colon + 1)..];
        bool isPassive = scheme.StartsWith('p');
        ConnectionTransport? transport = (isPassive ? scheme[1..] : scheme) switch
        {
            "tcp" => ConnectionTransport.Tcp,
            "ssl" => ConnectionTransport.Tls,
            "unix" => ConnectionTransport.Unix,
            _ => null,
        };
        string host = rest;
        int port = 0;
        switch (transport)
        {
            case null:
                error = $"'{text}' is neither {ActiveForms} nor {PassiveForms}";
                break;
            case ConnectionTransport.Unix:
                error = rest.Length == 0 ? $"'{text}' names no path" : "";
                break;
            default:
                error = isPassive ? ParsePassive(rest, out host, out port) : ParseActive(rest, out host, out port);
                error = error.Length == 0 ? "" : $"'{text}': {error}";
                break;
        }
        target = error.Length == 0 ? new ConnectionTarget(transport!.Value, isPassive, host, port) : null;
        return error.Length == 0;
    }

    /// <returns>As it is written on the command line.</returns>
    public override string ToString()
    {
        string host = Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;
        return Transport == ConnectionTransport.Unix ? $"{Scheme}:{Host}"
            : !IsPassive ? $"{Scheme}:{host}:{Port}"
            : host.Length == 0 ? $"{Scheme}:{Port}"
            : $"{Scheme}:{Port}:{host}";
    }

    /// <summary>HOST, HOST:PORT, [IPV6]:PORT, IPV6.</summary>
    private static string ParseActive(string rest, out string host, out int port)
    {
        int bracket = rest.StartsWith('[') ? rest.IndexOf(']', StringComparison.Ordinal) : -1;
        int colon = rest.LastIndexOf(':');
        bool hasPort = colon > bracket && (bracket >= 0 || rest.IndexOf(':', StringComparison.Ordinal) == colon);
        host = Unbracket(hasPort ? rest[..colon] : rest);
        port = DefaultPort;
        if (host.Length == 0)
        {
            return "it names no host";
        }
        return hasPort && !TryParsePort(rest[(colon + 1)..], lowest: 1, out port) ? "a port is a number from 1 to 65535" : "";
    }

    /// <summary>Nothing, PORT, PORT:HOST, :HOST.</summary>
    private static string ParsePassive(string rest, out string host, out int port)
    {
        int colon = rest.IndexOf(':', StringComparison.Ordinal);
        string portText = colon < 0 ? rest : rest[..colon];
        host = colon < 0 ? "" : Unbracket(rest[(colon + 1)..]);
        port = DefaultPort;
        return portText.Length > 0 && !TryParsePort(portText, lowest: 0, out port) ? "a port is a number from 0 to 65535, 0 for any" : "";
    }

    private static bool TryParsePort(string text, int lowest, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port >= lowest && port <= IPEndPoint.MaxPort;

    private static string Unbracket(string host) => host.StartsWith('[') && host.EndsWith(']') ? host[1..^1] : host;
}
