using System.Diagnostics.CodeAnalysis;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;
using Softswitch.NetFpga.Transports;
using Softswitch.Ports.Specs;

namespace Softswitch.NetFpga;

/// <summary>A card as <c>--netfpga nf2c0[,key=value...]</c> or <c>--netfpga emulator[,key=value...]</c> names it.</summary>
/// <param name="Text">As written.</param>
/// <param name="Name">The card's first interface; null for an emulated card.</param>
/// <param name="Transport">A way to the registers as <see cref="RegisterTransports"/> names it; null for the best.</param>
/// <param name="Layout">Null: to be told from the card; an emulated card then has 1.0.</param>
/// <param name="Trace">The file that takes a line for each register access; null for none.</param>
/// <param name="Wires">Of an emulated card: the four interfaces behind its wires, empty where nothing is plugged in.</param>
internal sealed record CardSpec(
    string Text, string? Name, string? Transport, CardLayout? Layout, OffloadLevel Offload, string? Trace, IReadOnlyList<string> Wires)
{
    private const string Emulator = "emulator";
    private const string Auto = "auto";

    public bool IsEmulator => Name == null;

    public static bool TryParse(string text, [NotNullWhen(true)] out CardSpec? spec, [NotNullWhen(false)] out string? error)
    {
        spec = null;
        string[] parts = text.Split(',');
        bool isEmulator = parts[0] == Emulator;
        if (!isEmulator && !IsFirstOfCard(parts[0]))
        {
            error = $"card '{text}': '{parts[0]}' is neither {Emulator} nor the first interface of a card ({CardNetdev.NameOf(0)}, {CardNetdev.NameOf(4)}, ...)";
            return false;
        }
        if (!TryReadOptions(text, isEmulator, parts.AsSpan(1), out Dictionary<string, string> options, out error))
        {
            return false;
        }
        string? layout = options.GetValueOrDefault("layout");
        string level = options.GetValueOrDefault("offload", "on");
        string? transport = options.GetValueOrDefault("transport");
        string[] wires = options.TryGetValue("wires", out string? listed) ? listed.Split(':') : [.. Enumerable.Repeat(string.Empty, CardPort.Count)];
        error = (layout is not (null or Auto or "1.0" or "0.9") ? $"layout={layout}: is none of {Auto}, 1.0 and 0.9" : null)
            ?? (level is not ("off" or "strict" or "on" or "all") ? $"offload={level}: is none of off, strict, on and all" : null)
            ?? WrongTransport(transport)
            ?? WrongWires(listed, wires);
        if (error != null)
        {
            error = $"card '{text}': {error}";
            return false;
        }
        spec = new CardSpec(
            text,
            isEmulator ? null : parts[0],
            transport == Auto ? null : transport,
            layout switch { "1.0" => CardLayout.V10, "0.9" => CardLayout.V09, _ => null },
            Enum.Parse<OffloadLevel>(level, ignoreCase: true),
            options.GetValueOrDefault("trace"),
            wires);
        return true;
    }

    public override string ToString() => Text;

    private static bool IsFirstOfCard(string name) => CardNetdev.TryParse(name, out int index) && index % CardPort.Count == 0;

    private static bool TryReadOptions(
        string text, bool isEmulator, ReadOnlySpan<string> parts, out Dictionary<string, string> options, [NotNullWhen(false)] out string? error)
    {
        options = new Dictionary<string, string>(StringComparer.Ordinal);
        string[] known = [isEmulator ? "wires" : "transport", "layout", "offload", "trace"];
        foreach (string part in parts)
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? part : part[..equals];
            error = !known.Contains(key) ? $"unknown option '{key}'; known are {string.Join(", ", known)}"
                : equals < 0 || equals == part.Length - 1 ? $"{key} needs a value ({key}=...)"
                : !options.TryAdd(key, part[(equals + 1)..]) ? $"{key} is given twice"
                : null;
            if (error != null)
            {
                error = $"card '{text}': {error}";
                return false;
            }
        }
        error = null;
        return true;
    }

    private static string? WrongTransport(string? transport) => transport is null or Auto || RegisterTransports.IsKnown(transport)
        ? null
        : $"transport={transport}: is none of {Auto}, ioctl, device, pci and pci:WHERE";

    private static string? WrongWires(string? listed, string[] wires)
    {
        if (wires.Length != CardPort.Count)
        {
            return $"wires={listed}: names {wires.Length}; a card has {CardPort.Count}, such as wires=eth1:eth2:eth3:eth4, and nothing between colons leaves a wire out";
        }
        string? twice = wires.Where(wire => wire.Length > 0).GroupBy(wire => wire).FirstOrDefault(group => group.Count() > 1)?.Key;
        return twice == null ? null : $"wires={listed}: {twice} is given twice";
    }
}
