using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Softswitch.OfAgent.Client;

/// <summary>Where an OpenFlow peer is, or is waited for: <c>tcp:HOST[:PORT]</c>, <c>unix:PATH</c>, <c>ptcp:[PORT][:HOST]</c>, <c>punix:PATH</c>.</summary>
/// <param name="Text">As given.</param>
/// <param name="IsPassive">Whether we listen.</param>
/// <param name="Host">A name or address; a path for Unix sockets.</param>
public sealed record OfTarget(string Text, bool IsPassive, bool IsUnix, string Host, int Port)
{
    /// <summary>The port IANA gave OpenFlow.</summary>
    public const int DefaultPort = 6653;

    /// <param name="error">One line that names the text and the reason.</param>
    public static bool TryParse(string text, out OfTarget target, out string error)
    {
        int colon = text.IndexOf(':');
        string scheme = colon < 0 ? "" : text[..colon];
        string rest = text[(colon + 1)..];
        target = new OfTarget(text, scheme is "ptcp" or "punix", scheme is "unix" or "punix", rest, 0);
        error = "";
        switch (scheme)
        {
            case "tcp":
                return TryParseActive(ref target, rest, out error);
            case "ptcp":
                return TryParsePassive(ref target, rest, out error);
            case "unix" or "punix":
                error = rest.Length == 0 ? $"{text}: the path is missing" : "";
                return rest.Length > 0;
            case "ssl" or "pssl":
                error = $"{text}: TLS is not supported by this command";
                return false;
            default:
                error = $"'{text}' is no OpenFlow target (tcp:HOST:PORT, unix:PATH, ptcp:PORT:HOST or punix:PATH)";
                return false;
        }
    }

    /// <summary>Addresses to try in turn.</summary>
    /// <exception cref="SocketException">The name is not known.</exception>
    internal EndPoint[] Resolve()
    {
        if (IsUnix)
        {
            return [new UnixDomainSocketEndPoint(Host)];
        }
        if (Host.Length == 0)
        {
            return [new IPEndPoint(IPAddress.Any, Port)];
        }
        return IPAddress.TryParse(Host, out IPAddress? address)
            ? [new IPEndPoint(address, Port)]
            : [.. Dns.GetHostAddresses(Host).Select(a => new IPEndPoint(a, Port))];
    }

    internal static Socket CreateSocket(EndPoint endPoint)
    {
        bool isUnix = endPoint is UnixDomainSocketEndPoint;
        Socket socket = new(endPoint.AddressFamily, SocketType.Stream, isUnix ? ProtocolType.Unspecified : ProtocolType.Tcp);
        if (!isUnix)
        {
            socket.NoDelay = true;
        }
        return socket;
    }

    private static bool TryParseActive(ref OfTarget target, string rest, out string error)
    {
        SplitPort(rest, out string host, out string portText);
        error = host.Length == 0 ? $"{target.Text}: the host is missing (tcp:HOST:PORT)" : "";
        return error.Length == 0 && TrySetPort(ref target, host, portText, 1, out error);
    }

    private static bool TryParsePassive(ref OfTarget target, string rest, out string error)
    {
        int colon = rest.IndexOf(':');
        string host = colon < 0 ? "" : rest[(colon + 1)..];
        return TrySetPort(ref target, host.Trim('[', ']'), colon < 0 ? rest : rest[..colon], 0, out error);
    }

    /// <summary>HOST, HOST:PORT, [IPV6]:PORT.</summary>
    private static void SplitPort(string rest, out string host, out string port)
    {
        int close = rest.StartsWith('[') ? rest.IndexOf(']') : -1;
        int colon = rest.IndexOf(':', close + 1);
        host = (colon < 0 ? rest : rest[..colon]).Trim('[', ']');
        port = colon < 0 ? "" : rest[(colon + 1)..];
    }

    private static bool TrySetPort(ref OfTarget target, string host, string text, int min, out string error)
    {
        int port = DefaultPort;
        bool isGood = text.Length == 0
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port >= min && port <= 65535);
        error = isGood ? "" : $"{target.Text}: '{text}' is not a port number ({min} to 65535)";
        target = target with { Host = host, Port = port };
        return isGood;
    }
}
