namespace Softswitch.Testing;

/// <summary>The checkout that the tests were built in.</summary>
internal static class Repository
{
    public static string Root { get; } = Find(new DirectoryInfo(AppContext.BaseDirectory));

    private static string Find(DirectoryInfo? folder) => folder is null ? throw new DirectoryNotFoundException("there is no checkout around the tests")
        : File.Exists(Path.Combine(folder.FullName, "Softswitch.sln")) ? folder.FullName
        : Find(folder.Parent);
}
