using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Softswitch.Commands;

/// <summary>Reads settings from a YAML file: a mapping with the options' names as keys, lists where an option may be repeated.</summary>
internal static class SettingsFile
{
    private const int MostCharacters = 1 << 20;

    /// <param name="errors">Takes a line for each key that is no option or has no value: file, line and key are named.</param>
    /// <exception cref="OptionException">The file cannot be read, or is not YAML.</exception>
    public static IReadOnlyList<Setting> Read(string path, List<string> errors)
    {
        YamlMappingNode settings = Parse(path);
        var read = new List<Setting>();
        foreach (KeyValuePair<YamlNode, YamlNode> entry in settings.Children)
        {
            string name = (entry.Key as YamlScalarNode)?.Value ?? string.Empty;
            string origin = $"{path}:{entry.Key.Start.Line}: {name.ReplaceLineEndings(" ")}";
            SwitchOption? option = SwitchOption.All.FirstOrDefault(option => option.Name == name);
            if (option == null)
            {
                errors.Add($"{origin}: no such key; there are {string.Join(", ", SwitchOption.All.Select(option => option.Name))}");
                continue;
            }
            Collect(path, option, entry.Value, read, errors);
        }
        return read;
    }

    private static void Collect(string path, SwitchOption option, YamlNode value, List<Setting> read, List<string> errors)
    {
        string origin = $"{path}:{value.Start.Line}: {option.Name}";
        switch (value)
        {
            case YamlScalarNode { Value: { } text } when text.AsSpan().ContainsAny('\r', '\n'):
                errors.Add($"{origin}: a value is one line: '{text.ReplaceLineEndings(" ")}'");
                break;
            case YamlScalarNode scalar when !string.IsNullOrEmpty(scalar.Value):
                read.Add(new Setting(option.Name, scalar.Value, origin));
                break;
            case YamlSequenceNode sequence when option.IsRepeatable:
                foreach (YamlNode item in sequence.Children)
                {
                    if (item is YamlSequenceNode)
                    {
                        errors.Add($"{path}:{item.Start.Line}: {option.Name}: a list inside the list");
                        continue;
                    }
                    Collect(path, option, item, read, errors);
                }
                break;
            default:
                errors.Add($"{origin}: must be {(option.IsRepeatable ? "a value or a list of values" : "one value")} such as {option.Argument}");
                break;
        }
    }

    private static YamlMappingNode Parse(string path)
    {
        try
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(ReadText(path)));
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

    /// <summary>A pipe may be read, too; what never ends is given up.</summary>
    private static string ReadText(string path)
    {
        using var reader = new StreamReader(path);
        char[] text = new char[MostCharacters + 1];
        int length = reader.ReadBlock(text);
        return length <= MostCharacters ? new string(text, 0, length)
            : throw new OptionException($"--config: {path}: is longer than a million characters, which no settings are");
    }
}
