using System.Text.RegularExpressions;

namespace Softswitch.Datapath.Tests;

/// <summary>
/// Classes with the trait HardwarePaths run again with CPU features masked off; its value names the type whose paths for machines
/// without these features they test.
/// </summary>
public sealed partial class HardwarePathsTests
{
    [Fact]
    public void Every_type_that_uses_vector_instructions_is_tested_without_them()
    {
        string[] sources = [.. Sources(Root()).Where(path => !path.Contains("/tests/", StringComparison.Ordinal))];
        string[] vectorised = [.. sources.Where(path => Using().IsMatch(File.ReadAllText(path))).Select(path => Path.GetFileNameWithoutExtension(path))];
        string[] tested = [.. Sources(Path.Combine(Root(), "tests")).SelectMany(path => Marked().Matches(File.ReadAllText(path))).Select(match => match.Groups[1].Value)];
        Assert.NotEmpty(vectorised);
        Assert.Equal(vectorised.Order(StringComparer.Ordinal), tested.Distinct().Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Sources(string folder) =>
        from child in Directory.EnumerateDirectories(folder).Where(child => Path.GetFileName(child) is not ("bin" or "obj" or "artifacts" or ".git"))
        from path in Directory.EnumerateFiles(child, "*.cs").Concat(Sources(child))
        select path;

    private static string Root()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Softswitch.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("the tests do not run inside a checkout");
        }
        return folder;
    }

    [GeneratedRegex(@"^using (\w+ = )?System\.Runtime\.Intrinsics", RegexOptions.Multiline)]
    private static partial Regex Using();

    [GeneratedRegex(@"^\[Trait\(""HardwarePaths"", ""(\w+)""\)\]", RegexOptions.Multiline)]
    private static partial Regex Marked();
}
