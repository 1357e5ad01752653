using Softswitch.Hosting.Configuration;
using Softswitch.Ports.Specs;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace Softswitch.Commands;

/// <summary>Reads settings from a YAML file: a mapping with the options' names as keys, lists where an option may be repeated.</summary>
internal static class SettingsFile
{
    private const int MostCharacters = 1 << 20;
    private const string PortKey = "port";

    /// <param name="errors">Takes a line for each key that is no option or has no value: file, line and key are named.</param>
    /// <exception cref="OptionException">The file cannot be read, or is not YAML.</exception>
    public static FileSettings Read(string path, List<string> errors)
    {
        YamlMappingNode settings = Parse(path);
        List<SwitchSettings>? switches = null;
        List<Setting> read = ReadMapping(path, settings, string.Empty, errors, list => switches = ReadSwitches(path, list, errors));
        bool lacksPorts = settings.Children.Keys.Any(key => key is not YamlScalarNode { Value: { } name } || !IsKnown(name))
            || (settings.Children.Keys.Any(key => key is YamlScalarNode { Value: PortKey }) && !read.Exists(setting => setting.Key == PortKey));
        return new FileSettings(read, switches) { MayLackPorts = lacksPorts };
    }

    private static bool IsKnown(string name) => name == FileSettings.SwitchesKey || SwitchOption.All.Any(option => option.Name == name);

    /// <param name="whose">Stands between place and key: whose mapping it is.</param>
    /// <param name="readSwitches">Takes the value of <c>switches:</c>; null where there can be none.</param>
    private static List<Setting> ReadMapping(string path, YamlMappingNode settings, string whose, List<string> errors, Action<YamlNode>? readSwitches)
    {
        List<Setting> read = [];
        foreach (KeyValuePair<YamlNode, YamlNode> entry in settings.Children)
        {
            string name = (entry.Key as YamlScalarNode)?.Value ?? string.Empty;
            if (name == FileSettings.SwitchesKey && readSwitches != null)
            {
                readSwitches(entry.Value);
                continue;
            }
            SwitchOption? option = SwitchOption.All.FirstOrDefault(option => option.Name == name);
            if (option == null)
            {
                IEnumerable<string> known = SwitchOption.All.Select(option => option.Name);
                errors.Add($"{path}:{entry.Key.Start.Line}: {whose}{name.ReplaceLineEndings(" ")}: no such key; there are "
                    + string.Join(", ", readSwitches == null ? known : known.Append(FileSettings.SwitchesKey)));
                continue;
            }
            Collect(path, whose, option, entry.Value, read, errors);
        }
        return read;
    }

    private static List<SwitchSettings> ReadSwitches(string path, YamlNode list, List<string> errors)
    {
        List<SwitchSettings> switches = [];
        if (list is not YamlSequenceNode sequence)
        {
            if (list is not YamlScalarNode { Value: null or "" })
            {
                errors.Add($"{path}:{list.Start.Line}: {FileSettings.SwitchesKey}: must be a list, with the options of one switch in each of its items");
            }
            return switches;
        }
        foreach ((int index, YamlNode item) in sequence.Children.Index())
        {
            string label = $"switch {index + 1}";
            if (item is YamlMappingNode one)
            {
                YamlNode? name = one.Children.FirstOrDefault(entry => entry.Key is YamlScalarNode { Value: "name" }).Value;
                label = name is YamlScalarNode { Value: { Length: > 0 } text } && !text.Any(char.IsControl) ? $"switch {text}" : label;
                switches.Add(new SwitchSettings($"{path}:{item.Start.Line}: {label}", ReadMapping(path, one, $"{label}: ", errors, null)));
            }
            else
            {
                errors.Add($"{path}:{item.Start.Line}: {label}: must be a list of 'key: value' lines such as name: s1");
            }
        }
        return switches;
    }

    private static void Collect(string path, string whose, SwitchOption option, YamlNode value, List<Setting> read, List<string> errors)
    {
        string origin = $"{path}:{value.Start.Line}: {whose}{option.Name}";
        switch (value)
        {
            case YamlScalarNode { Value: { } text } when text.AsSpan().ContainsAny('\r', '\n'):
                errors.Add($"{origin}: a value is one line: '{text.ReplaceLineEndings(" ")}'");
                break;
            case YamlScalarNode scalar when !string.IsNullOrEmpty(scalar.Value):
                read.Add(new Setting(option.Name, scalar.Value, origin));
                break;
            case YamlSequenceNode sequence when option.IsRepeatable:
                foreach ((YamlNode item, string? whole) in Join(option, sequence))
                {
                    if (item is YamlSequenceNode)
                    {
                        errors.Add($"{path}:{item.Start.Line}: {whose}{option.Name}: a list inside the list");
                        continue;
                    }
                    if (whole != null)
                    {
                        string what = $"its commas part '{whole}' in this list: it stands in quotes there, \"{whole}\"";
                        errors.Add($"{path}:{item.Start.Line}: {whose}{option.Name}: {what}");
                        continue;
                    }
                    Collect(path, whose, option, item, read, errors);
                }
                break;
            default:
                errors.Add($"{origin}: must be {(option.IsRepeatable ? "a value or a list of values" : "one value")} such as {option.Argument}");
                break;
        }
    }

    /// <summary>The items of a list, without those that a comma has parted from the one before: <c>[1=eth1,rate=50M]</c>.</summary>
    /// <returns>Each with what it would have been in quotes, if it was parted.</returns>
    private static List<(YamlNode Item, string? Whole)> Join(SwitchOption option, YamlSequenceNode sequence)
    {
        List<(YamlNode Item, string? Whole)> items = [];
        foreach (YamlNode item in sequence.Children)
        {
            if (sequence.Style == SequenceStyle.Flow && item is YamlScalarNode { Style: ScalarStyle.Plain, Value: { } text }
                && items is [.., (YamlScalarNode { Style: ScalarStyle.Plain, Value: { } first } before, var whole)]
                && IsRest(option, whole ?? first, text))
            {
                items[^1] = (before, $"{whole ?? first},{text}");
                continue;
            }
            items.Add((item, null));
        }
        return items;
    }

    private static bool IsRest(SwitchOption option, string before, string text) => option.Name switch
    {
        PortKey => PortSpec.IsOptionOf(before, text),
        "queue" or "netfpga" => text.Contains('=', StringComparison.Ordinal) && char.IsAsciiLetter(text[0]), // neither begins with a key
        _ => false,
    };

    private static YamlMappingNode Parse(string path)
    {
        try
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(ReadText(path)));
            CheckDocuments(path, stream);
            YamlNode? root = stream.Documents.Count == 0 ? null : stream.Documents[0].RootNode;
            return root switch
            {
                null or YamlScalarNode { Value: null or "" } => [], // empty, or comments only
                YamlMappingNode mapping => mapping,
                _ => throw new OptionException($"--config: {path}:{root.Start.Line}: must be a list of 'key: value' lines"),
            };
        }
        catch (YamlException e)
        {
            // A key given twice arrives as an inner exception; messages of the parser may span lines.
            string reason = (e.InnerException ?? e).Message.ReplaceLineEndings(" ");
            throw new OptionException($"--config: {path}:{e.Start.Line}: {reason}", e);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // So the parser ends on some brackets that are never closed, and on some documents that end in the middle of a mapping.
            throw new OptionException($"--config: {path}: is not YAML", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string reason = Directory.Exists(path) ? "is a folder" : e is FileNotFoundException or DirectoryNotFoundException ? "no such file" : e.Message;
            throw new OptionException($"--config: {path}: {reason}", e);
        }
    }

    /// <summary>What the file says and nobody would heed is a mistake.</summary>
    private static void CheckDocuments(string path, YamlStream stream)
    {
        if (stream.Documents.Count > 1)
        {
            throw new OptionException($"--config: {path}:{stream.Documents[1].RootNode.Start.Line}: a second document begins; settings are one");
        }
        if (stream.Documents.SelectMany(document => document.AllNodes).FirstOrDefault(node => !node.Tag.IsEmpty) is { } tagged)
        {
            throw new OptionException($"--config: {path}:{tagged.Start.Line}: the tag {tagged.Tag.Value} means nothing here; settings have none");
        }
    }

    /// <summary>A pipe may be read, too; what never ends is given up.</summary>
    private static string ReadText(string path)
    {
        using var reader = new StreamReader(path);
        char[] buffer = new char[MostCharacters + 1];
        string text = new(buffer, 0, reader.ReadBlock(buffer));
        if (text.Length > MostCharacters)
        {
            throw new OptionException($"--config: {path}: is longer than a million characters, which no settings are");
        }
        if (text.IndexOf('\0', StringComparison.Ordinal) is >= 0 and int place) // the parser would end there
        {
            throw new OptionException($"--config: {path}:{text.AsSpan(0, place).Count('\n') + 1}: has a NUL character, which no text has");
        }
        return text;
    }
}
