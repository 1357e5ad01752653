namespace Softswitch.Lab.Machines;

/// <summary>What depmod(8) says of a kernel's modules.</summary>
internal static class KernelModules
{
    /// <param name="folder">Such as /lib/modules/6.1.0.</param>
    public static bool Has(string folder, string name) => IsBuiltIn(folder, name) || FindLine(folder, name) != null;

    /// <summary>The files to be loaded for a module, those it needs first; none for one that is built in.</summary>
    public static IEnumerable<string> InOrder(string folder, string name) =>
        FindLine(folder, name) is { } line ? line.Split([':', ' '], StringSplitOptions.RemoveEmptyEntries).Reverse() : [];

    private static bool IsBuiltIn(string folder, string name) =>
        ReadLines(Path.Combine(folder, "modules.builtin")).Any(line => NameOf(line) == name);

    // A line of modules.dep: "FILE: FILE FILE ...", where each needs only those behind it.
    private static string? FindLine(string folder, string name) =>
        ReadLines(Path.Combine(folder, "modules.dep")).FirstOrDefault(line => NameOf(line[..line.IndexOf(':', StringComparison.Ordinal)]) == name);

    private static string NameOf(string file)
    {
        string name = Path.GetFileName(file);
        return name[..name.IndexOf('.', StringComparison.Ordinal)].Replace('-', '_'); // .ko, .ko.xz, .ko.zst
    }

    private static IEnumerable<string> ReadLines(string path) => File.Exists(path) ? File.ReadLines(path).Where(line => line.Length > 0) : [];
}
