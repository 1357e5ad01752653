namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>The executable as it was built beside the tests.</summary>
internal static class SwitchProgram
{
    /// <summary>Long enough for a loaded machine to start .NET; only a failure reaches it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static string Library { get; } = Path.Combine(AppContext.BaseDirectory, "softswitch.dll");

    public static string Dotnet { get; } = Environment.ProcessPath is { } path && Path.GetFileName(path) == "dotnet" ? path : "dotnet";

    /// <summary>Runs a command to its end, outside of any test namespace.</summary>
    public static CommandResult Execute(params string[] arguments)
    {
        using RunningCommand command = RunningCommand.Start(Dotnet, [Library, .. arguments]);
        return command.WaitForEnd(Patience);
    }

    /// <summary>What the kernel says of each thread of a process (proc(5), status), without those that end meanwhile: the runtime's come and go.</summary>
    public static IReadOnlyList<string[]> ReadThreads(RunningCommand command)
    {
        List<string[]> threads = [];
        foreach (string task in Directory.GetDirectories($"/proc/{command.ProcessId}/task"))
        {
            try
            {
                threads.Add(File.ReadAllLines($"{task}/status"));
            }
            catch (IOException)
            {
                // it has ended
            }
        }
        return threads;
    }

    /// <summary>What stands behind a word such as <c>Name:</c> in what <see cref="ReadThreads"/> gives of a thread.</summary>
    public static string Value(string[] status, string word) =>
        status.Single(line => line.StartsWith(word, StringComparison.Ordinal))[word.Length..].Trim();

    /// <summary>Asks a process to end, as kill(1) does.</summary>
    public static void Terminate(RunningCommand command, string signal = "TERM") =>
        RunningCommand.Execute("kill", $"-{signal}", $"{command.ProcessId}").Checked();
}
