namespace Softswitch.Ports.Linux.Files;

/// <summary>Where an open file or folder is now, which tells whether it was removed, moved or replaced (proc(5), fd).</summary>
internal static class DescriptorPath
{
    /// <summary>The path by which it is reached, with <c> (deleted)</c> behind it once nothing has that name; null if the system does not say.</summary>
    public static string? Of(int descriptor)
    {
        try
        {
            return new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget;
        }
        catch (IOException)
        {
            return null; // its path is longer than the system tells
        }
    }
}
