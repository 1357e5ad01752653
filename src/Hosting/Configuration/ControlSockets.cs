using Softswitch.OfAgent.Connections;

namespace Softswitch.Hosting.Configuration;

/// <summary>Where running switches are found by name: a folder with the control socket of each process, NAME.sock, and links to it under the names of its switches.</summary>
/// <remarks>
/// <c>/run/softswitch</c> for root, <c>$XDG_RUNTIME_DIR/softswitch</c> for any other user; <c>$SOFTSWITCH_RUNDIR</c> instead of both. A
/// socket that nobody
/// listens at is what a switch left that was killed: it is none that runs, and gives way to the next of its name. Threads: any.
/// </remarks>
internal static class ControlSockets
{
    /// <summary>What a tool's TARGET looks like, and what it is.</summary>
    public const string TargetForm = "NAME|unix:PATH";
    public const string TargetDescription =
        "The switch's name, or unix:PATH with the path of its control socket; may be left out while one switch runs.";

    /// <summary>What a name looks like.</summary>
    public const string NameForm = "a name of up to 64 letters, digits, '.', '_' and '-' that begins with a letter or digit";

    private const string Variable = "SOFTSWITCH_RUNDIR";
    private const string RuntimeVariable = "XDG_RUNTIME_DIR";
    private const string OfRoot = "/run/softswitch";
    private const string Suffix = ".sock";
    private const string Unix = "unix:";
    private const int LongestName = 64;

    private const UnixFileMode OwnersAlone = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode ReadByAll =
        OwnersAlone | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <summary>Null for a user who has none.</summary>
    public static string? Folder =>
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder ? folder
        : Environment.IsPrivilegedProcess ? OfRoot
        : Environment.GetEnvironmentVariable(RuntimeVariable) is { Length: > 0 } runtime ? Path.Combine(runtime, "softswitch")
        : null;

    /// <summary>Whether it can be a file's name and nothing else.</summary>
    public static bool IsName(string text) =>
        text.Length is > 0 and <= LongestName && char.IsAsciiLetterOrDigit(text[0])
        && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    /// <summary>Makes the folder if it is not there.</summary>
    /// <exception cref="IOException">There is none, or it cannot be made.</exception>
    public static string MakeFolder()
    {
        string folder = Folder ?? throw new IOException($"{RuntimeVariable} is not set");
        try
        {
            if (!OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(folder, folder == OfRoot ? ReadByAll : OwnersAlone);
            }
            return folder;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{folder}: {e.Message}", e);
        }
    }

    /// <param name="folder">As made.</param>
    public static string PathOf(string folder, string name) => Path.Combine(folder, name + Suffix);

    /// <summary>The switch whose name a path is, where it leads to the socket of a process of several; null for a socket itself.</summary>
    public static string? SwitchAt(string path) =>
        Path.GetDirectoryName(path) == Folder && path.EndsWith(Suffix, StringComparison.Ordinal) && new FileInfo(path).LinkTarget != null
            ? Path.GetFileName(path)[..^Suffix.Length] : null;

    /// <summary>The paths in the folder that lead to a socket.</summary>
    public static List<string> LinksTo(string folder, string path) => [.. Directory.EnumerateFiles(folder, "*" + Suffix).Where(one => new FileInfo(one).LinkTarget == path)];

    /// <summary>The names of switches and processes that run, in order.</summary>
    public static IReadOnlyList<string> Running()
    {
        try
        {
            return Folder is { } folder && Directory.Exists(folder)
                ? [.. Directory.EnumerateFiles(folder, "*" + Suffix).Where(UnixSocketFile.IsListening)
                    .Select(path => Path.GetFileName(path)[..^Suffix.Length]).Order(StringComparer.Ordinal)]
                : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The switch a tool is to ask.</summary>
    /// <param name="target">As written: a name, <c>unix:PATH</c>, or null for the process that runs, which knows whether it has one switch.</param>
    /// <returns><c>unix:PATH</c>.</returns>
    /// <exception cref="OptionException">There is no such switch, none at all, or more than one to choose from; the message lists
    /// them.</exception>
    public static string Find(string? target)
    {
        if (target?.StartsWith(Unix, StringComparison.Ordinal) == true)
        {
            return target;
        }
        if (target != null && !IsName(target))
        {
            throw new OptionException($"target: '{target}' is neither a switch's name nor unix:PATH");
        }
        IReadOnlyList<string> running = Running();
        string[] processes = [.. running.Where(one => SwitchAt(PathOf(Folder!, one)) == null)];
        string? name = target ?? (processes.Length == 1 ? processes[0] : null);
        if (name != null && running.Contains(name))
        {
            return Unix + PathOf(Folder!, name);
        }
        string others = running.Count > 0 ? $"there are {string.Join(", ", running)}"
            : Folder is { } folder ? $"none runs that {folder} knows of"
                + (folder == OfRoot || !Directory.Exists(OfRoot) ? "" : $" (those of root are in {OfRoot})")
            : $"{RuntimeVariable} is not set, and without it they are not found by name; give unix:PATH";
        throw new OptionException(target == null ? $"target: which switch? {others}"
            : $"target: '{target}': there is no such switch; {others}");
    }
}
