using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The packages for Debian as this checkout makes them, once for all tests of a class.</summary>
public sealed class BuiltPackages : IDisposable
{
    /// <summary>Longer than any program that tests of packages run.</summary>
    internal static readonly TimeSpan Bound = TimeSpan.FromMinutes(20);

    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-deb-").FullName;
    private CommandResult? _made;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>The files of the switch and of the laboratory, and what was said when they were made. Skips the test if that takes what cannot be fetched.</summary>
    internal (string Switch, string Laboratory, string Said) Make()
    {
        _made ??= Run(Path.Combine(Repository.Root, "eng", "package"), "deb", _folder);
        string said = _made.Output + _made.Error;
        // The runtime that goes into it is fetched once, from where packages come.
        Assert.SkipWhen(_made.ExitCode != 0 && said.Contains("error NU1", StringComparison.Ordinal), $"the runtime cannot be fetched: {said}");
        string[] packages = _made.Checked().Output.Trim().Split('\n')[^2..];
        return (packages[0], packages[1], said);
    }

    internal static CommandResult Run(string file, params string[] arguments)
    {
        using RunningCommand command = RunningCommand.Start(file, arguments);
        return command.WaitForEnd(Bound);
    }
}
