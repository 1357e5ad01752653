using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Ports.Specs;

/// <summary>A port as <c>--port [N=]SPEC[,key=value...]</c> names it. N is a number from 1 to 65280 or <c>local</c>.</summary>
/// <remarks>
/// A number is recognised only in front of the first <c>=</c>, so a file may have one in its name; a comma ends the name of
/// a file, as the options begin there.
/// </remarks>
internal sealed class PortSpec
{
    /// <summary>Stands between the values of a key that was given more than once, in <see cref="Options"/>: no value has a comma.</summary>
    public const char ValueSeparator = ',';

    private const string RateKey = "rate";
    private const int LongestName = 15; // IFNAMSIZ

    public const string OffloadKey = "offload";
    public const string AddressKey = "address";
    public const string GatewayKey = "gateway";
    public const string RouteKey = "route";
    public const string NeighboursKey = "neighbours";

    private static readonly string[] RepeatableKeys = [AddressKey, RouteKey];
    private static readonly string[] TunnelKeys = ["local", "remote", "ttl", "tos", "df", "mtu", "via", "remote-mac"];

    /// <summary>The IPv4 side of a port with an interface behind it, which tunnels travel by.</summary>
    public static IReadOnlyList<string> UnderlayKeys { get; } = [AddressKey, GatewayKey, RouteKey, NeighboursKey];

    private static readonly Dictionary<string, PortKind> Kinds = new(StringComparer.Ordinal)
    {
        ["packet"] = PortKind.Packet,
        ["xdp"] = PortKind.Xdp,
        ["tap"] = PortKind.Tap,
        ["vhost-user"] = PortKind.VhostUser,
        ["replay"] = PortKind.Replay,
        ["pcap"] = PortKind.Pcap,
        ["null"] = PortKind.Null,
        ["vxlan"] = PortKind.Vxlan,
        ["gre"] = PortKind.Gre,
        ["ipip"] = PortKind.Ipip,
        ["capsulator"] = PortKind.Capsulator,
        ["pcaplib"] = PortKind.PcapLib,
        ["patch"] = PortKind.Patch,
    };

    private readonly Dictionary<string, string?> _options;

    private PortSpec(string text, string body, ushort? number, PortKind kind, string target, Dictionary<string, string?> options)
    {
        Text = text;
        Body = body;
        Number = number;
        Kind = kind;
        Target = target;
        _options = options;
    }

    /// <summary>The specification as it was written: what messages about the port quote.</summary>
    public string Text { get; }

    /// <summary>The same without the number.</summary>
    public string Body { get; }

    /// <summary>What is left without <c>rate=</c>, which an open port can be given: two ports of which it is the same are opened alike.</summary>
    public string BodyWithoutRate => string.Join(',', Body.Split(',').Where(part => !part.StartsWith($"{RateKey}=", StringComparison.Ordinal)));

    /// <summary>The OpenFlow port number asked for; null to have one chosen.</summary>
    public ushort? Number { get; }

    public PortKind Kind { get; }

    /// <summary>What follows the colon: an interface, a file, a socket, a cable; empty for <c>null:</c> and tunnels.</summary>
    public string Target { get; }

    /// <summary>Keys with their values; a key alone, such as <c>once</c>, has the value null. Every key is known to the kind.</summary>
    public IReadOnlyDictionary<string, string?> Options => _options;

    /// <summary>Whether it is a tunnel, which travels by another port of the switch.</summary>
    public bool IsTunnel => IsTunnelKind(Kind);

    /// <summary>Whether <see cref="Target"/> is a network interface, of which only one port can be.</summary>
    public bool IsInterface => IsInterfaceKind(Kind) || Kind == PortKind.NetFpga;

    /// <summary>Whether its flows may be in the kernel: packets that tunnels travel by are looked at before the flow table, and <c>offload=off</c> forbids it.</summary>
    public bool MayBeOffloaded =>
        Kind is PortKind.Packet or PortKind.Interface && _options.GetValueOrDefault(OffloadKey) != "off" && !_options.ContainsKey(AddressKey);

    /// <summary>Whether they must, as <c>offload=on</c> says.</summary>
    public bool MustBeOffloaded => _options.GetValueOrDefault(OffloadKey) == "on";

    /// <summary>Bit/s the port is to send at, as <c>rate=100M</c> of any kind of port says; 0 without it.</summary>
    public long Rate => BitRate.TryParse(_options.GetValueOrDefault(RateKey), out long rate) ? rate : 0;

    /// <summary>A port whose far end is the program that runs the switch.</summary>
    /// <param name="name">Shown to controllers.</param>
    /// <param name="number">Null to have one chosen.</param>
    public static PortSpec ForProgram(string name, ushort? number) => new(name, name, number, PortKind.Program, name, []);

    /// <summary>Where its TAP device is, if not where the switch is.</summary>
    public NetworkNamespace? Network { get; private init; }

    /// <summary>The same with its TAP device, which is there, in another network namespace.</summary>
    public PortSpec In(NetworkNamespace network) => new(Text, Body, Number, Kind, Target, _options) { Network = network };

    /// <summary>Whether a TAP device of another program's was there and is to be attached to: none is made if that went meanwhile.</summary>
    public bool IsReturning { get; private init; }

    /// <summary>The same for a device that is there again.</summary>
    public PortSpec AsReturning() => new(Text, Body, Number, Kind, Target, _options) { Network = Network, IsReturning = true };

    /// <summary>The same interface by AF_PACKET.</summary>
    public PortSpec AsPacket() => new(Text, Body, Number, PortKind.Packet, Target, _options);

    public static bool TryParse(string text, [NotNullWhen(true)] out PortSpec? spec, [NotNullWhen(false)] out string? error)
    {
        spec = null;
        if (!TryTakeNumber(text, out ushort? number, out string rest, out error))
        {
            return false;
        }
        if (!TrySplitKind(rest, out PortKind kind, out string body))
        {
            error = $"port '{text}': there is no kind of port '{rest[..rest.IndexOf(':', StringComparison.Ordinal)]}:'; there are {string.Join(", ", Kinds.Keys.Select(known => $"{known}:"))}, and names of interfaces";
            return false;
        }
        string[] parts = body.Split(',');
        // Tunnels have no name: their options begin right behind the colon.
        bool named = !IsTunnelKind(kind) || !parts[0].Contains('=', StringComparison.Ordinal);
        string target = named ? parts[0] : string.Empty;
        if (target.Length == 0 && !IsTunnelKind(kind) && kind != PortKind.Null)
        {
            error = $"port '{text}': {Missing(kind)}";
            return false;
        }
        if (target.Length > 0 && kind == PortKind.Null)
        {
            error = $"port '{text}': null: takes no name";
            return false;
        }
        if ((IsInterfaceKind(kind) || kind == PortKind.Patch) && !IsInterfaceName(target))
        {
            string what = kind == PortKind.Patch ? "a cable's" : "an interface's";
            error = $"port '{text}': '{target}' cannot be {what} name: that has up to {LongestName} bytes, no slash and no blank";
            return false;
        }
        if (!TryParseOptions(text, kind, parts.AsSpan(named ? 1 : 0), out Dictionary<string, string?> options, out error))
        {
            return false;
        }
        spec = new PortSpec(text, rest, number, kind, target, options);
        return true;
    }

    public override string ToString() => Text;

    /// <summary>Whether a text is an option of the port before it, and no port: commas part them, and lists of ports.</summary>
    public static bool IsOptionOf(string port, string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        PortKind kind = TryParse(port, out PortSpec? spec, out _) ? spec.Kind : default;
        return equals < 0 ? KnownKeys(kind).Flags.Contains(text)
            : text.StartsWith("local=", StringComparison.Ordinal) ? IsTunnelKind(kind) // else the port LOCAL
            : Enum.GetValues<PortKind>().Any(one => KnownKeys(one).Valued.Contains(text[..equals]));
    }

    private static bool TryTakeNumber(string text, out ushort? number, out string rest, [NotNullWhen(false)] out string? error)
    {
        number = null;
        rest = text;
        error = null;
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0)
        {
            return true;
        }
        string head = text[..equals];
        if (head == "local")
        {
            number = PortNumber.Local;
            rest = text[(equals + 1)..];
            return true;
        }
        if (head.Length == 0 || !head.All(char.IsAsciiDigit))
        {
            return true; // an option's equals sign
        }
        if (!ushort.TryParse(head, NumberStyles.None, CultureInfo.InvariantCulture, out ushort value) || !PortNumber.IsPhysical(value))
        {
            error = $"port '{text}': {head} is not a port number (1 to {PortNumber.Max})";
            return false;
        }
        number = value;
        rest = text[(equals + 1)..];
        return true;
    }

    /// <returns>False where the kind, the word before the colon, is unknown. An interface's name has no colon (dev_valid_name of Linux).</returns>
    private static bool TrySplitKind(string rest, out PortKind kind, out string body)
    {
        int colon = rest.Split(',')[0].IndexOf(':', StringComparison.Ordinal);
        body = rest[(colon + 1)..];
        kind = CardNetdev.TryParse(rest.Split(',')[0], out _) ? PortKind.NetFpga : PortKind.Interface;
        return colon < 0 || Kinds.TryGetValue(rest[..colon], out kind);
    }

    private static bool TryParseOptions(
        string text, PortKind kind, ReadOnlySpan<string> parts, out Dictionary<string, string?> options, [NotNullWhen(false)] out string? error)
    {
        options = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (string part in parts)
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? part : part[..equals];
            string? value = equals < 0 ? null : part[(equals + 1)..];
            (string[] valued, string[] flags) = KnownKeys(kind);
            if (!(value is null ? flags : valued).Contains(key))
            {
                error = flags.Contains(key) ? $"port '{text}': {key} takes no value"
                    : valued.Contains(key) ? $"port '{text}': {key} needs a value ({key}=...)"
                    : $"port '{text}': unknown option '{key}'; known are {string.Join(", ", (string[])[.. valued, .. flags])}";
                return false;
            }
            if (!options.TryAdd(key, value))
            {
                if (!RepeatableKeys.Contains(key))
                {
                    error = $"port '{text}': {key} is given twice";
                    return false;
                }
                options[key] += ValueSeparator + value;
            }
            if (key == RateKey && !BitRate.TryParse(value, out _))
            {
                error = $"port '{text}': {key}={value}: is not {BitRate.Example}";
                return false;
            }
        }
        error = null;
        return true;
    }

    private static (string[] Valued, string[] Flags) KnownKeys(PortKind kind) => kind switch
    {
        PortKind.Interface or PortKind.Packet => (["rx-slots", "tx-slots", OffloadKey, RateKey, .. UnderlayKeys], []),
        PortKind.Xdp => (["rx-slots", "tx-slots", "queues", "mode", RateKey, .. UnderlayKeys], []),
        PortKind.Tap => (["queues", RateKey, .. UnderlayKeys], []),
        PortKind.VhostUser => (["queues", RateKey], ["client", "server"]),
        PortKind.PcapLib => ([RateKey, .. UnderlayKeys], []),
        PortKind.Replay => ([RateKey], ["once"]),
        PortKind.Vxlan => ([.. TunnelKeys, "key", "port", "csum", RateKey], []),
        PortKind.Gre => ([.. TunnelKeys, "key", "csum", RateKey], ["nvgre"]),
        PortKind.Ipip => ([.. TunnelKeys, "inner-src", "inner-dst", RateKey], []),
        PortKind.Capsulator => ([.. TunnelKeys, "key", RateKey], []),
        _ => ([RateKey], []),
    };

    private static bool IsInterfaceKind(PortKind kind) => kind is PortKind.Interface or PortKind.Packet or PortKind.Xdp or PortKind.Tap or PortKind.PcapLib;

    private static bool IsInterfaceName(string name) =>
        System.Text.Encoding.UTF8.GetByteCount(name) <= LongestName && name is not ("." or "..") && !name.Any(c => c == '/' || char.IsWhiteSpace(c));

    private static bool IsTunnelKind(PortKind kind) => kind is PortKind.Vxlan or PortKind.Gre or PortKind.Ipip or PortKind.Capsulator;

    private static string Missing(PortKind kind) => kind switch
    {
        PortKind.Replay or PortKind.Pcap => "names no file",
        PortKind.VhostUser => "names no socket",
        PortKind.Patch => "names no cable",
        _ => "names no interface",
    };
}

/// <summary>What the word before the colon of a port specification says.</summary>
internal enum PortKind
{
    /// <summary>A name alone: a Linux interface by the best backend for it.</summary>
    Interface,
    Packet,
    Xdp,
    Tap,

    /// <summary>A virtual machine, by shared memory.</summary>
    VhostUser,
    Replay,
    Pcap,
    Null,
    Vxlan,
    Gre,
    Ipip,

    /// <summary>The NetFPGA capsulator's tunnel.</summary>
    Capsulator,

    /// <summary>A port of a NetFPGA card: nf2c0 to nf2c3 of the first, nf2c4 and so on of others.</summary>
    NetFpga,
    PcapLib,

    /// <summary>A cable to another port of the process.</summary>
    Patch,

    /// <summary>The program that runs the switch is the far end; no text names it.</summary>
    Program,
}
