using System.Collections.Concurrent;
using Softswitch.Lab;
using Softswitch.OfAgent.Text;

namespace Softswitch.Scenarios;

/// <summary>Flows as a paper prints them, in ovs-ofctl's words, from the folder <c>scenarios</c>, which is part of the program.</summary>
internal static class FlowFile
{
    // A controller may read one for each of thousands of sessions.
    private static readonly ConcurrentDictionary<string, string[]> Known = new();

    /// <summary>The whole text of a file.</summary>
    /// <param name="name">Such as victor/table1.flows.</param>
    public static string ReadText(string name)
    {
        using Stream stream = typeof(FlowFile).Assembly.GetManifestResourceStream($"scenarios/{name}")
            ?? throw new TestbedException($"scenarios/{name} is no part of this build");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>Reads a file of flows.</summary>
    /// <param name="name">As above.</param>
    /// <param name="words">What stands for what in the file, such as an address that the paper does not print.</param>
    /// <exception cref="TestbedException">A line is no flow; the message names it.</exception>
    public static IReadOnlyList<ParsedFlow> Read(string name, params (string Word, string Meaning)[] words)
    {
        var flows = new List<ParsedFlow>();
        string[] lines = Known.GetOrAdd(
            name, static one => [.. ReadText(one).Split('\n').Select(line => line.StartsWith('#') ? string.Empty : line)]);
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i];
            foreach ((string word, string meaning) in words)
            {
                line = line.Replace(word, meaning, StringComparison.Ordinal);
            }
            if (!FlowSyntax.TryParseLine(line, null, out ParsedFlow? flow, out string error))
            {
                throw new TestbedException($"scenarios/{name}, line {i + 1}: {error}");
            }
            if (flow != null)
            {
                flows.Add(flow);
            }
        }
        return flows;
    }
}
