using System.Text.RegularExpressions;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests;

/// <summary>
/// Documents agree with code, tests and each other. openflow-1.0-tests.txt names the tests behind docs/openflow-1.0.md.
/// </summary>
public sealed partial class DocumentTests
{
    private const int MaxLines = 250;

    /// <summary>Of other programs, though they look like ours: a counter of the kernel's.</summary>
    private static readonly string[] Foreign = ["RcvbufErrors"];

    private static readonly string[] SourceFolders = ["src", "lab", "bench", "scenarios", "samples", "tests", "mininet"];

    [Fact]
    public void Every_test_the_document_names_exists()
    {
        HashSet<string> tests = [.. Sources("tests").SelectMany(file => TestMethod().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups[1].Value)];
        string[] named = [.. Behind().SelectMany(line => TestName().Matches(line)).Select(match => match.Groups[1].Value).Distinct()];

        Assert.NotEmpty(named);
        Assert.DoesNotContain(named, name => !tests.Contains(name));
    }

    [Fact]
    public void Every_line_of_its_lists_names_a_test_or_says_why_there_is_none()
    {
        string[] shown = [.. Behind().Select(line => Shown().Match(line)).Where(match => match.Success)
            .Select(match => match.Groups[1].Value)];
        string[] corners = [.. File.ReadLines(Path.Combine(Repository.Root, "docs", "openflow-1.0.md"))
            .Select(line => Corner().Match(line)).Where(match => match.Success).Select(match => match.Groups[1].Value)];

        Assert.NotEmpty(corners);
        Assert.Equal(corners, shown);
    }

    [Fact]
    public void The_readme_fits_120_lines_of_120_characters()
    {
        string[] lines = File.ReadAllLines(Path.Combine(Repository.Root, "README.md"));

        Assert.InRange(lines.Length, 1, 120);
        Assert.DoesNotContain(lines, line => line.Length > 120);
    }

    [Fact]
    public void No_page_is_longer_than_250_lines()
    {
        string[] tooLong = [.. Pages().Where(page => !IsChangelog(page) && File.ReadLines(page).Count() > MaxLines)];

        Assert.Empty(tooLong);
    }

    [Fact]
    public void Links_between_documents_lead_to_files_and_headings_that_exist()
    {
        List<string> broken = [];
        foreach (string page in Pages())
        {
            foreach (Match link in Link().Matches(File.ReadAllText(page)))
            {
                string target = link.Groups[1].Value;
                string file = target.Length == 0 ? page : Path.Combine(Path.GetDirectoryName(page)!, target);
                string place = link.Groups[2].Value;
                bool isThere = File.Exists(file)
                    && (place.Length == 0 || File.ReadLines(file).Any(line => line.StartsWith('#') && PlaceOf(line) == place));
                if (!isThere)
                {
                    broken.Add($"{page}: {link.Value}");
                }
            }
        }

        Assert.Empty(broken);
    }

    [Fact]
    public void Types_members_and_files_that_documents_name_exist()
    {
        string[] files = [.. SourceFolders.SelectMany(Sources)];
        string[] texts = [.. files.Select(file => Comment().Replace(File.ReadAllText(file), string.Empty))];
        HashSet<string> words = [.. texts.SelectMany(text => Word().Matches(text).Select(match => match.Value))];
        ILookup<string, string> declared = texts
            .SelectMany(text => Declaration().Matches(text).Select(match => (Name: match.Groups[1].Value, Text: text)))
            .ToLookup(type => type.Name, type => type.Text);
        HashSet<string> fileNames = [.. Directory.EnumerateFiles(Repository.Root).Concat(files).Select(file => Path.GetFileName(file))];

        // A project's folder has its name, and namespaces follow folders.
        bool IsNamespace(string name)
        {
            string own = name.Replace("Softswitch.", string.Empty, StringComparison.Ordinal);
            return SourceFolders.Any(folder => Directory.Exists(Path.Combine(Repository.Root, folder, own))
                || Directory.Exists(Path.Combine(Repository.Root, folder, own.Replace('.', '/'))));
        }

        bool Exists(string name)
        {
            string[] parts = name.Split('.');
            return Foreign.Contains(name) || fileNames.Contains(name) || IsNamespace(name)
                || (parts.Length == 1 ? words.Contains(name) : declared[parts[0]].Any(text => Regex.IsMatch(text, $@"\b{parts[1]}\b")));
        }

        List<string> missing = [];
        foreach (string page in Pages().Where(page => !IsChangelog(page)))
        {
            string text = Examples().Replace(File.ReadAllText(page), string.Empty);
            foreach (string code in Code().Matches(text).Select(match => match.Groups[1].Value))
            {
                bool isUnknownName = PascalName().Match(code) is { Success: true } name && !Exists(name.Groups[1].Value);
                bool isUnknownPath = OwnPath().Match(code) is { Success: true } path
                    && !Path.Exists(Path.Combine(Repository.Root, path.Value));
                if (isUnknownName || isUnknownPath)
                {
                    missing.Add($"{page}: {code}");
                }
            }
        }

        Assert.Empty(missing);
    }

    private static IEnumerable<string> Pages()
    {
        DirectoryInfo root = new(Repository.Root);
        return root.EnumerateFiles("*.md")
            .Concat(root.EnumerateDirectories("docs").Concat(root.EnumerateDirectories("scenarios"))
                .SelectMany(folder => folder.EnumerateFiles("*.md", SearchOption.AllDirectories)))
            .Select(file => file.FullName);
    }

    /// <summary>It says what was, and grows.</summary>
    private static bool IsChangelog(string page) => Path.GetFileName(page) == "CHANGELOG.md";

    private static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*", SearchOption.AllDirectories)
            .Where(file => file.EndsWith(".cs", StringComparison.Ordinal) || file.EndsWith(".py", StringComparison.Ordinal))
            .Where(file => !BuildFolder().IsMatch(file));

    /// <summary>What a link to the heading has behind the #.</summary>
    private static string PlaceOf(string heading) =>
        NotInPlace().Replace(heading.TrimStart('#').Trim().ToLowerInvariant(), string.Empty).Replace(' ', '-');

    private static string[] Behind() =>
        File.ReadAllLines(Path.Combine(Repository.Root, "tests", "OfAgent.Tests", "openflow-1.0-tests.txt"));

    [GeneratedRegex(@"(?:void|Task) ([A-Z]\w*_\w+)\(")]
    private static partial Regex TestMethod();

    [GeneratedRegex(@"`([A-Z]\w*_\w+)`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"^- (.+?): (?=`[A-Z]\w*_|none: )")]
    private static partial Regex Shown();

    /// <summary>To a file, and the place in it.</summary>
    [GeneratedRegex(@"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInPlace();

    [GeneratedRegex(@"/(?:bin|obj)/")]
    private static partial Regex BuildFolder();

    [GeneratedRegex("//.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"\b(?:class|struct|record|interface|enum) (\w+)")]
    private static partial Regex Declaration();

    /// <summary>Blocks of code in a document.</summary>
    [GeneratedRegex(@"^```.*?^```|^    .*?$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Examples();

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Code();

    /// <summary>Type, Type.Member, or a call of it.</summary>
    [GeneratedRegex(@"^([A-Z][a-z0-9]\w*(?:\.\w+)*)(?:\(.*\))?$")]
    private static partial Regex PascalName();

    [GeneratedRegex(@"^(?:src|lab|bench|scenarios|samples|tests|mininet|eng|etc)/[\w./-]+")]
    private static partial Regex OwnPath();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();

    [GeneratedRegex(@"^- \*\*(.+?)\*\*: ")]
    private static partial Regex Corner();
}
