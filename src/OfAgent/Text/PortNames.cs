using System.Globalization;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Text;

/// <summary>Port numbers to words and back: the reserved ports' names, and a switch's own.</summary>
internal sealed class PortNames
{
    private readonly Func<IReadOnlyList<PortDescription>>? _load;
    private IReadOnlyList<PortDescription>? _ports;

    public PortNames(IReadOnlyList<PortDescription> ports)
    {
        _ports = ports;
    }

    /// <param name="load">Asked once, and only when a text holds a name: most texts hold numbers.</param>
    public PortNames(Func<IReadOnlyList<PortDescription>> load)
    {
        _load = load;
    }

    /// <summary>Knows the reserved ports only.</summary>
    public static PortNames ReservedOnly { get; } = new([]);

    /// <summary>A number (decimal or 0x), a reserved port's name in any case, or the name of one of the switch's ports.</summary>
    public bool TryParse(ReadOnlySpan<char> text, out ushort number)
    {
        if (TextNumber.TryParse(text, ushort.MaxValue, out ulong value, out _))
        {
            number = (ushort)value;
            return !IsUnnamedReserved(number);
        }
        return TryParseReserved(text, out number) || TryFind(text, out number);
    }

    /// <summary>The reserved port's name in ovs-ofctl's words, or the number.</summary>
    public static string Format(ushort number) => number switch
    {
        PortNumber.InPort => "IN_PORT",
        PortNumber.Table => "TABLE",
        PortNumber.Normal => "NORMAL",
        PortNumber.Flood => "FLOOD",
        PortNumber.All => "ALL",
        PortNumber.Controller => "CONTROLLER",
        PortNumber.Local => "LOCAL",
        PortNumber.None => "ANY",
        _ => number.ToString(CultureInfo.InvariantCulture),
    };

    private static bool IsUnnamedReserved(ushort number) => number is > PortNumber.Max and < PortNumber.InPort;

    private static bool TryParseReserved(ReadOnlySpan<char> text, out ushort number)
    {
        // The longest name has ten letters: what does not fit is no name of ours.
        Span<char> lower = stackalloc char[10];
        int length = text.ToLowerInvariant(lower);
        number = (length < 0 ? default : lower[..length]) switch
        {
            "in_port" => PortNumber.InPort,
            "table" => PortNumber.Table,
            "normal" => PortNumber.Normal,
            "flood" => PortNumber.Flood,
            "all" => PortNumber.All,
            "controller" => PortNumber.Controller,
            "local" => PortNumber.Local,
            "none" or "any" => PortNumber.None,
            _ => 0,
        };
        return number != 0;
    }

    private bool TryFind(ReadOnlySpan<char> name, out ushort number)
    {
        if (name.Length >= 2 && name[0] == '"' && name[^1] == '"')
        {
            name = name[1..^1];
        }
        number = 0;
        if (name.IsEmpty)
        {
            return false;
        }
        _ports ??= _load!();
        foreach (PortDescription port in _ports)
        {
            if (name.SequenceEqual(port.Name))
            {
                number = port.Number;
                return true;
            }
        }
        return false;
    }
}
