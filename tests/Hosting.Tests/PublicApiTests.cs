using System.Reflection;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests;

/// <summary>What other programs may rely on changes only on purpose.</summary>
public sealed class PublicApiTests
{
    private const string Update = "UPDATE_API=1 ./test PublicApi";

    [Theory]
    [InlineData("Datapath")]
    [InlineData("OfAgent")]
    [InlineData("Ports")]
    [InlineData("NetFpga")]
    [InlineData("NetFpga.Emulator")]
    [InlineData("Hosting")]
    [InlineData("Web")]
    public void What_is_public_is_what_the_listing_says(string project)
    {
        string file = Path.Combine(Repository.Root, "docs", "api", $"Softswitch.{project}.txt");
        string[] lines = [.. Assembly.Load($"Softswitch.{project}").GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal).SelectMany(PublicApi.List)];
        if (Environment.GetEnvironmentVariable("UPDATE_API") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllLines(file, lines);
        }
        string[] listed = File.Exists(file) ? File.ReadAllLines(file) : [];
        IEnumerable<string> differences = [.. listed.Except(lines).Select(line => $"- {line}"), .. lines.Except(listed).Select(line => $"+ {line}")];
        Assert.True(lines.SequenceEqual(listed), $"{file} no longer says what is public. If that is meant: {Update}\n{string.Join('\n', differences)}");
    }

    [Fact]
    public void The_readme_shows_the_sample_as_it_is()
    {
        string sample = File.ReadAllText(Path.Combine(Repository.Root, "samples", "Embedded", "Program.cs"));
        Assert.Contains($"```csharp\n{sample}```", File.ReadAllText(Path.Combine(Repository.Root, "README.md")), StringComparison.Ordinal);
    }
}
