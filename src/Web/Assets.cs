using System.Collections.Frozen;

namespace Softswitch.Web;

/// <summary>The page's files, which are part of this assembly.</summary>
internal static class Assets
{
    private static readonly FrozenDictionary<string, string> Types = new Dictionary<string, string>
    {
        [".html"] = "text/html; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".svg"] = "image/svg+xml",
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, (string Type, byte[] Content)> Read = typeof(Assets).Assembly.GetManifestResourceNames()
        .ToFrozenDictionary(name => name == "page.html" ? "/" : $"/{name}", name => (Types[Path.GetExtension(name)], ReadBytes(name)));

    /// <param name="path">As the browser asks for it.</param>
    public static bool TryGet(string path, out (string Type, byte[] Content) file) => Read.TryGetValue(path, out file);

    private static byte[] ReadBytes(string name)
    {
        using Stream stream = typeof(Assets).Assembly.GetManifestResourceStream(name)!;
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}
