using Softswitch.Hosting.Configuration;

namespace Softswitch.Hosting.Reloading;

/// <summary>What differs between two configurations, for people.</summary>
internal static class OptionChanges
{
    /// <summary>A line for each difference in options that take effect at once.</summary>
    public static IEnumerable<string> Done(IEnumerable<SwitchOption> options, SwitchOptions before, SwitchOptions after) =>
        options.Where(option => option.OnReload != null).SelectMany(option => Compare(option, before, after));

    /// <summary>A line for each difference in options that take a new start.</summary>
    public static IEnumerable<string> Pending(IEnumerable<SwitchOption> options, SwitchOptions before, SwitchOptions after) =>
        options.Where(option => option.OnReload == null).SelectMany(option => Compare(option, before, after)).Select(line => $"{line} needs a new start");

    private static IEnumerable<string> Compare(SwitchOption option, SwitchOptions before, SwitchOptions after)
    {
        (IReadOnlyList<string> added, IReadOnlyList<string> removed) = PortChanges.Difference(option.Show(before), option.Show(after));
        return option.IsRepeatable
            ? [.. removed.Select(value => $"{option.Name} {value}: removed"), .. added.Select(value => $"{option.Name} {value}: added")]
            : added.Count + removed.Count == 0 ? []
            : [$"{option.Name}: {removed.FirstOrDefault("none")} -> {added.FirstOrDefault("none")}"];
    }
}
