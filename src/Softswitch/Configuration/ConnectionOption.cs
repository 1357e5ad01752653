using System.Globalization;

namespace Softswitch.Configuration;

/// <summary>One end of an OpenFlow connection: <c>tcp:HOST[:PORT]</c> to connect to, <c>ptcp:PORT[:HOST]</c> to listen at.</summary>
/// <param name="Host">A name or an address; an IPv6 address without its brackets.</param>
/// <param name="Port">TCP port; 0 only to listen at one the system chooses.</param>
/// <param name="Text">As given.</param>
/// <param name="Origin">Where it was given, for errors.</param>
public sealed record ConnectionOption(string Host, int Port, string Text, string Origin)
{
    /// <summary>The port IANA gave OpenFlow.</summary>
    public const int DefaultPort = 6653;

    // As Open vSwitch does: who listens is reached from everywhere unless told otherwise.
    private const string AnyAddress = "0.0.0.0";

    /// <summary>Reads <c>tcp:HOST[:PORT]</c>; the reason is for a person.</summary>
    public static ConnectionOption? ParseActive(string text, string origin, out string reason)
    {
        reason = $"'{text}' is not tcp:HOST:PORT";
        if (!TryStrip(text, "tcp:", out string rest))
        {
            return null;
        }
        int colon = rest.EndsWith(']') ? -1 : rest.LastIndexOf(':');
        string host = colon < 0 ? rest : rest[..colon];
        int port = DefaultPort;
        if (!TryReadHost(ref host) || (colon >= 0 && !TryReadPort(rest[(colon + 1)..], 1, out port, ref reason, text)))
        {
            return null;
        }
        return new ConnectionOption(host, port, text, origin);
    }

    /// <summary>Reads <c>ptcp:[PORT][:HOST]</c>; the reason is for a person.</summary>
    public static ConnectionOption? ParsePassive(string text, string origin, out string reason)
    {
        reason = $"'{text}' is not ptcp:PORT or ptcp:PORT:HOST";
        if (!TryStrip(text, "ptcp:", out string rest))
        {
            return null;
        }
        int colon = rest.IndexOf(':', StringComparison.Ordinal);
        string number = colon < 0 ? rest : rest[..colon];
        string host = colon < 0 ? AnyAddress : rest[(colon + 1)..];
        int port = DefaultPort;
        if (!TryReadHost(ref host) || (number.Length > 0 && !TryReadPort(number, 0, out port, ref reason, text)))
        {
            return null;
        }
        return new ConnectionOption(host, port, text, origin);
    }

    private static bool TryStrip(string text, string scheme, out string rest)
    {
        bool has = text.StartsWith(scheme, StringComparison.Ordinal);
        rest = has ? text[scheme.Length..] : string.Empty;
        return has;
    }

    private static bool TryReadHost(ref string host)
    {
        bool bracketed = host.Length > 2 && host[0] == '[' && host[^1] == ']';
        host = bracketed ? host[1..^1] : host;
        return host.Length > 0 && (bracketed || !host.Contains(':', StringComparison.Ordinal)) && !host.Any(char.IsWhiteSpace);
    }

    private static bool TryReadPort(string digits, int lowest, out int port, ref string reason, string text)
    {
        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out port))
        {
            return false;
        }
        reason = $"'{text}': port {port} is not between {lowest} and 65535";
        return port >= lowest && port <= ushort.MaxValue;
    }
}
