using System.Text.RegularExpressions;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests;

/// <summary>Documents agree with tests and each other. docs/openflow-1.0-tests.md names the tests behind docs/openflow-1.0.md.</summary>
public sealed partial class DocumentTests
{
    private static readonly string[] Headings = ["message", "type", "corner", "action", "error"];

    [Fact]
    public void Every_test_the_document_names_exists()
    {
        HashSet<string> tests = [.. Directory
            .EnumerateFiles(Path.Combine(Repository.Root, "tests"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => TestMethod().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups[1].Value)];
        string[] named = [.. Lines("openflow-1.0-tests.md").Select(line => TestName().Match(line)).Where(match => match.Success)
            .Select(match => match.Groups[1].Value).Distinct()];

        Assert.NotEmpty(named);
        Assert.DoesNotContain(named, name => !tests.Contains(name));
    }

    [Fact]
    public void Every_line_of_its_tables_names_a_test_or_says_why_there_is_none()
    {
        string[] lines = Lines("openflow-1.0-tests.md");
        string[] shown = [.. lines
            .Where((line, at) => !line.StartsWith("- ", StringComparison.Ordinal) && at + 1 < lines.Length && Shows(lines[at + 1]))];
        string[] corners = [.. Lines("openflow-1.0.md").Select(line => FirstCell().Match(line).Groups[1].Value)
            .Where(cell => cell.Length > 0 && !Headings.Contains(cell))];

        Assert.NotEmpty(corners);
        // A corner that takes several lines stands once in the other document.
        Assert.Equal(corners.Where((corner, at) => at == 0 || corner != corners[at - 1]), shown);
    }

    [Fact]
    public void The_readme_fits_120_lines_of_120_characters()
    {
        string[] lines = File.ReadAllLines(Path.Combine(Repository.Root, "README.md"));

        Assert.InRange(lines.Length, 1, 120);
        Assert.DoesNotContain(lines, line => line.Length > 120);
    }

    [Fact]
    public void Links_between_documents_lead_to_files_that_exist()
    {
        DirectoryInfo root = new(Repository.Root);
        string[] links = [.. root.EnumerateFiles("*.md")
            .Concat(root.EnumerateDirectories("docs").Concat(root.EnumerateDirectories("scenarios"))
                .SelectMany(folder => folder.EnumerateFiles("*.md", SearchOption.AllDirectories)))
            .SelectMany(file => Link().Matches(File.ReadAllText(file.FullName))
                .Select(match => Path.Combine(file.DirectoryName!, match.Groups[1].Value)))];

        Assert.NotEmpty(links);
        Assert.DoesNotContain(links, link => !File.Exists(link));
    }

    private static bool Shows(string line) => TestName().IsMatch(line) || line.StartsWith("- none: ", StringComparison.Ordinal);

    private static string[] Lines(string document) => File.ReadAllLines(Path.Combine(Repository.Root, "docs", document));

    [GeneratedRegex(@"(?:void|Task) ([A-Z]\w*_\w+)\(")]
    private static partial Regex TestMethod();

    [GeneratedRegex(@"^- `([A-Z]\w*_\w+)`$")]
    private static partial Regex TestName();

    /// <summary>To a file, without the place in it.</summary>
    [GeneratedRegex(@"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^\| (.+?) \|")]
    private static partial Regex FirstCell();
}
