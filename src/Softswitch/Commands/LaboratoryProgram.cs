using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Commands;

/// <summary>The program <c>softswitch-lab</c> beside this one: a package of its own has it.</summary>
internal static class LaboratoryProgram
{
    private const string Name = "softswitch-lab";

    /// <summary>Runs it in this one's place: process, terminal and standard streams are the same.</summary>
    /// <returns>Why it does not run; if it does, this does not return.</returns>
    public static string Start(string[] arguments)
    {
        string file = Path.Combine(AppContext.BaseDirectory, Name);
        // Started as this one was: by its own name, or as a library that dotnet runs.
        string[] command = Path.GetFileName(Environment.ProcessPath) == "dotnet" ? [Environment.ProcessPath!, $"{file}.dll"] : [file];
        if (!File.Exists(command[^1]))
        {
            return $"the program {Name} is not installed: install the package {Name} (a checkout's ./softswitch builds it)";
        }
        try
        {
            ProcessImage.Replace(command[0], [.. command, .. arguments], new Dictionary<string, string>(), inNewNetwork: false);
            return string.Empty; // never
        }
        catch (SystemCallException e)
        {
            return e.Message;
        }
    }
}
