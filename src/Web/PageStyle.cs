namespace Softswitch.Web;

/// <summary>The one style of everything that is looked at in a browser: the page, and reports, which carry it along.</summary>
/// <remarks>Apart from what serves the page, so that whoever writes a report does not load a web server.</remarks>
internal static class PageStyle
{
    public static string Text { get; } = Read();

    private static string Read()
    {
        using var reader = new StreamReader(typeof(PageStyle).Assembly.GetManifestResourceStream("style.css")!);
        return reader.ReadToEnd();
    }
}
