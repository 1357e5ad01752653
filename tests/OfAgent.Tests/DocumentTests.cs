using System.Text.RegularExpressions;

namespace Softswitch.OfAgent.Tests;

/// <summary>docs/openflow-1.0.md names the test that shows each of its lines.</summary>
public sealed partial class DocumentTests
{
    [Fact]
    public void Every_test_the_document_names_exists()
    {
        DirectoryInfo root = Root();
        HashSet<string> tests = [.. Directory
            .EnumerateFiles(Path.Combine(root.FullName, "tests"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => TestMethod().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups[1].Value)];
        string[] named = [.. TestName().Matches(Document(root)).Select(match => match.Groups[1].Value).Where(IsSentence).Distinct()];

        Assert.NotEmpty(named);
        Assert.DoesNotContain(named, name => !tests.Contains(name));
    }

    [Fact]
    public void Every_line_of_its_tables_names_a_test_or_says_why_there_is_none()
    {
        string[] bare = [.. Document(Root()).Split('\n')
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.EndsWith("| shown by |", StringComparison.Ordinal))
            .Where(line => !line.TrimEnd(' ', '|').Split('|')[^1].TrimStart().StartsWith("none: ", StringComparison.Ordinal))
            .Where(line => !TestName().Matches(line).Any(match => IsSentence(match.Groups[1].Value)))];

        Assert.Empty(bare);
    }

    /// <summary>Constants such as OFPFF_EMERG have no small letters; test names do.</summary>
    private static bool IsSentence(string name) => name.Any(char.IsLower);

    private static string Document(DirectoryInfo root) => File.ReadAllText(Path.Combine(root.FullName, "docs", "openflow-1.0.md"));

    private static DirectoryInfo Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Softswitch.sln")))
        {
            folder = folder.Parent;
        }
        Assert.SkipWhen(folder is null, "the tests run outside of the source tree");
        return folder!;
    }

    [GeneratedRegex(@"(?:void|Task) ([A-Z]\w*_\w+)\(")]
    private static partial Regex TestMethod();

    [GeneratedRegex(@"`([A-Z]\w*_\w+)`")]
    private static partial Regex TestName();
}
