using System.Collections.Frozen;

namespace Softswitch.Web;

/// <summary>The page's files, which are part of this assembly.</summary>
internal static class Assets
{
    private static readonly FrozenDictionary<string, (string File, string Type)> Files = new Dictionary<string, (string, string)>
    {
        ["/"] = ("page.html", "text/html; charset=utf-8"),
        ["/style.css"] = ("style.css", "text/css; charset=utf-8"),
        ["/page.js"] = ("page.js", "text/javascript; charset=utf-8"),
        ["/icon.svg"] = ("icon.svg", "image/svg+xml"),
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, (string Type, byte[] Content)> Read =
        Files.ToFrozenDictionary(one => one.Key, one => (one.Value.Type, ReadBytes(one.Value.File)));

    /// <param name="path">As the browser asks for it.</param>
    public static bool TryGet(string path, out (string Type, byte[] Content) file) => Read.TryGetValue(path, out file);

    private static byte[] ReadBytes(string name)
    {
        using Stream stream = typeof(Assets).Assembly.GetManifestResourceStream(name) ?? throw new FileNotFoundException($"the assembly is without its {name}");
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}
