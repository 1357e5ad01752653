namespace Softswitch.OfAgent.Tests.Wire;

/// <summary>A message of the files in Wire/messages.</summary>
/// <param name="OvsLines">How many lines Open vSwitch prints alike: all (int.MaxValue), the first, or none (0).</param>
public sealed record MessageCase(string File, string Name, byte[] Bytes, string Text, int OvsLines)
{
    public override string ToString() => $"{File}: {Name}";
}

/// <summary>Reads Wire/messages/*.txt; messages/README says how they are written.</summary>
public static class MessageFiles
{
    public static IReadOnlyList<MessageCase> All { get; } = [.. ReadAll()];

    public static TheoryData<string> Names => [.. All.Select(c => c.ToString())];

    public static TheoryData<string> NamesForOpenVSwitch => [.. All.Where(c => c.OvsLines > 0).Select(c => c.ToString())];

    /// <summary>Messages that decode: those of every file but hostile.txt.</summary>
    public static IEnumerable<MessageCase> WellFormed => All.Where(c => c.File != "hostile.txt");

    public static MessageCase Find(string name) => All.Single(c => c.ToString() == name);

    private static IEnumerable<MessageCase> ReadAll()
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "Wire", "messages");
        return Directory.GetFiles(folder, "*.txt").Order(StringComparer.Ordinal).SelectMany(Read);
    }

    private static IEnumerable<MessageCase> Read(string path)
    {
        string file = Path.GetFileName(path);
        string? name = null;
        List<string> hex = [];
        List<string> text = [];
        int ovsLines = int.MaxValue;
        int number = 0;
        foreach (string line in File.ReadLines(path).Append("=="))
        {
            number++;
            string rest = line.Contains(' ') ? line[(line.IndexOf(' ') + 1)..] : "";
            switch (line.Split(' ')[0])
            {
                case "==":
                    if (name is not null)
                    {
                        yield return new MessageCase(
                            file, name, Convert.FromHexString(string.Concat(hex).Replace(" ", "")), string.Join('\n', text).TrimEnd(), ovsLines);
                    }
                    (name, ovsLines) = (rest, int.MaxValue);
                    hex.Clear();
                    text.Clear();
                    break;
                case "hex":
                    hex.Add(rest);
                    break;
                case "text":
                    text.Add(rest);
                    break;
                case "ovs":
                    ovsLines = rest.Split(' ')[0] switch
                    {
                        "same" => int.MaxValue,
                        "first" => 1,
                        "differs" when rest.Length > 10 => 0,
                        _ => throw new InvalidDataException($"{file}:{number}: ovs same, ovs first or ovs differs and why"),
                    };
                    break;
                case "" or "#":
                    break;
                default:
                    throw new InvalidDataException($"{file}:{number}: neither ==, hex, text, ovs nor #");
            }
        }
    }
}
