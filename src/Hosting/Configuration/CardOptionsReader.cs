using Softswitch.NetFpga;
using Softswitch.NetFpga.Registers;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Configuration;

/// <summary>Reads <c>--netfpga nf2cN|emulator[,key=value...]</c>.</summary>
internal static class CardOptionsReader
{
    /// <summary>Real cards have the interfaces they are named by; emulated ones take the first four names that are left.</summary>
    /// <param name="errors">A line is added for each setting that is wrong.</param>
    public static List<CardOption> Read(IEnumerable<Setting> settings, List<string> errors)
    {
        var specs = new List<(Setting Setting, CardSpec Spec)>();
        var taken = new HashSet<int>();
        foreach (Setting setting in settings)
        {
            if (!CardSpec.TryParse(setting.Value, out CardSpec? spec, out string? error))
            {
                errors.Add(setting.IsFromFile ? $"{setting.Origin}: {error}" : error); // it begins with "card '...'"
            }
            else if (CardNetdev.TryParse(spec.Name, out int index) && !taken.Add(index))
            {
                errors.Add($"{setting.Origin}: '{spec}': the card is given twice");
            }
            else
            {
                specs.Add((setting, spec));
            }
        }
        CheckShared(specs, spec => spec.Wires.Where(wire => wire.Length > 0), "wire", errors);
        CheckShared(specs, spec => spec.Trace is { } file ? [Path.GetFullPath(file)] : [], "trace", errors);
        return [.. specs.Select(given => new CardOption(given.Spec, FirstOf(given.Spec, taken), given.Setting.Origin))];
    }

    private static int FirstOf(CardSpec spec, HashSet<int> taken)
    {
        if (CardNetdev.TryParse(spec.Name, out int first))
        {
            return first;
        }
        while (!taken.Add(first))
        {
            first += CardPort.Count;
        }
        return first;
    }

    /// <summary>Two cards cannot have the same wire, nor the same file.</summary>
    private static void CheckShared(
        List<(Setting Setting, CardSpec Spec)> specs, Func<CardSpec, IEnumerable<string>> things, string what, List<string> errors)
    {
        var owners = new Dictionary<string, CardSpec>(StringComparer.Ordinal);
        foreach ((Setting setting, CardSpec spec) in specs)
        {
            foreach (string thing in things(spec).Where(thing => !owners.TryAdd(thing, spec)))
            {
                errors.Add($"{setting.Origin}: '{spec}': {what} {thing} belongs to '{owners[thing]}'");
            }
        }
    }
}

/// <summary>One <c>--netfpga</c>.</summary>
/// <param name="Spec">What card, and how.</param>
/// <param name="FirstInterface">Its interfaces are nf2cN for this N and the next three.</param>
/// <param name="Origin">Where it was given, for errors.</param>
internal sealed record CardOption(CardSpec Spec, int FirstInterface, string Origin);
