using System.Globalization;

namespace Softswitch.OfAgent.Agent;

/// <summary>How bytes travel between switch and controller.</summary>
public enum ConnectionTransport
{
    /// <summary>TCP in clear.</summary>
    Tcp,
}

/// <summary>Where to connect to, or where to listen: <c>tcp:HOST[:PORT]</c>, <c>ptcp:[PORT][:HOST]</c>.</summary>
/// <param name="Host">Name or address; empty for a listener on all IPv4 addresses, as with Open vSwitch.</param>
/// <param name="Port">TCP port; 0 lets the system choose one to listen on.</param>
public sealed record ConnectionTarget(ConnectionTransport Transport, bool IsPassive, string Host, int Port)
{
    /// <summary>The port controllers and switches of OpenFlow 1.0 used; IANA's later 6653 must be named.</summary>
    public const int DefaultPort = 6633;

    /// <param name="text">Such as <c>tcp:127.0.0.1:6653</c>, <c>tcp:[::1]</c>, <c>ptcp:6654</c>, <c>ptcp:6654:127.0.0.1</c>, <c>ptcp:</c>.</param>
    /// <param name="error">What is wrong, fit to follow the option's name.</param>
    public static bool TryParse(string text, out ConnectionTarget? target, out string error)
    {
        target = null;
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string scheme = colon < 0 ? text : text[..colon];
        string rest = colon < 0 ? "" : text[(colon + 1)..];
        switch (scheme)
        {
            case "tcp" when colon > 0:
                return TryParseActive(text, rest, out target, out error);
            case "ptcp" when colon > 0:
                return TryParsePassive(text, rest, out target, out error);
            default:
                error = $"'{text}' is neither tcp:HOST[:PORT] nor ptcp:[PORT][:HOST]";
                return false;
        }
    }

    public override string ToString()
    {
        string host = Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;
        return !IsPassive ? $"tcp:{host}:{Port}" : host.Length == 0 ? $"ptcp:{Port}" : $"ptcp:{Port}:{host}";
    }

    private static bool TryParseActive(string text, string rest, out ConnectionTarget? target, out string error)
    {
        target = null;
        int bracket = rest.StartsWith('[') ? rest.IndexOf(']', StringComparison.Ordinal) : -1;
        int colon = rest.LastIndexOf(':');
        bool hasPort = colon > bracket && (bracket >= 0 || rest.IndexOf(':', StringComparison.Ordinal) == colon);
        string host = Unbracket(hasPort ? rest[..colon] : rest);
        int port = DefaultPort;
        if (host.Length == 0)
        {
            error = $"'{text}' names no host: tcp:HOST[:PORT]";
            return false;
        }
        if (hasPort && !TryParsePort(rest[(colon + 1)..], lowest: 1, out port))
        {
            error = $"'{text}': a port is a number from 1 to 65535";
            return false;
        }
        error = "";
        target = new ConnectionTarget(ConnectionTransport.Tcp, IsPassive: false, host, port);
        return true;
    }

    private static bool TryParsePassive(string text, string rest, out ConnectionTarget? target, out string error)
    {
        target = null;
        int colon = rest.IndexOf(':', StringComparison.Ordinal);
        string portText = colon < 0 ? rest : rest[..colon];
        int port = DefaultPort;
        if (portText.Length > 0 && !TryParsePort(portText, lowest: 0, out port))
        {
            error = $"'{text}': a port is a number from 0 to 65535, 0 for any";
            return false;
        }
        error = "";
        target = new ConnectionTarget(ConnectionTransport.Tcp, IsPassive: true, colon < 0 ? "" : Unbracket(rest[(colon + 1)..]), port);
        return true;
    }

    private static bool TryParsePort(string text, int lowest, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port >= lowest && port <= ushort.MaxValue;

    private static string Unbracket(string host) => host.StartsWith('[') && host.EndsWith(']') ? host[1..^1] : host;
}
