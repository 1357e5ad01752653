using System.Text;

namespace Softswitch.Fuzz.Tests;

/// <summary>An input in a file: text as it is, bytes in hexadecimal with comments behind #. The folder it is in names the target.</summary>
internal static class CaseFile
{
    private const int BytesInLine = 32;

    public static string FolderOf(string root, IFuzzTarget target) => Path.Combine(root, "Regressions", target.Name);

    public static IFuzzTarget TargetOf(string path) => FuzzTargets.Find(Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(path)))!);

    public static byte[] Read(string path) => TargetOf(path).IsText
        ? File.ReadAllBytes(path)
        : Convert.FromHexString(string.Concat(File.ReadLines(path).Select(line => line.Split('#')[0].Replace(" ", "", StringComparison.Ordinal))));

    /// <returns>Where it is.</returns>
    public static string Write(string root, IFuzzTarget target, string name, byte[] input, string why)
    {
        string path = Path.Combine(FolderOf(root, target), name + (target.IsText ? ".txt" : ".hex"));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (target.IsText)
        {
            File.WriteAllBytes(path, input);
            return path;
        }
        StringBuilder text = new();
        text.Append($"# {why.ReplaceLineEndings(" ")}\n");
        foreach (byte[] piece in target.Split(input))
        {
            foreach (byte[] line in piece.Chunk(BytesInLine))
            {
                text.Append($"{Convert.ToHexString(line)}\n");
            }
        }
        File.WriteAllText(path, text.ToString());
        return path;
    }
}
