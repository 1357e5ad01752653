using Softswitch.Hosting.Configuration;

namespace Softswitch.Lab;

/// <summary>A folder that results are written to.</summary>
internal static class OutputFolder
{
    /// <summary>Makes it if it is not there, and finds out whether it can be written, before anything is measured.</summary>
    /// <param name="option">By which it was given.</param>
    /// <returns>Its full path.</returns>
    /// <exception cref="OptionException">It cannot be written.</exception>
    public static string Open(string option, string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            using FileStream probe = new(
                Path.Combine(folder, $".probe-{Environment.ProcessId}"), FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            return Path.GetFullPath(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new OptionException($"{option}: {e.Message}", e);
        }
    }
}
