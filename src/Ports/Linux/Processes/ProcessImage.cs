using System.Runtime.InteropServices;

namespace Softswitch.Ports.Linux.Processes;

/// <summary>Replaces the running program by another: same process, same terminal, same standard streams.</summary>
internal static unsafe class ProcessImage
{
    /// <summary>execve(2). Does not return; nothing of this program runs on, and no finally block either.</summary>
    /// <param name="path">The program's file.</param>
    /// <param name="arguments">From argv[0] on.</param>
    /// <param name="added">Environment variables besides the present ones.</param>
    /// <param name="inNewNetwork">Whether it starts in a network namespace of its own.</param>
    /// <exception cref="SystemCallException">It could not be started, or no namespace made: this program goes on.</exception>
    public static void Replace(string path, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> added, bool inNewNetwork)
    {
        var environment = new Dictionary<string, string>(added);
        foreach (System.Collections.DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            environment.TryAdd((string)variable.Key, (string?)variable.Value ?? string.Empty);
        }
        if (!inNewNetwork)
        {
            Execute(path, arguments, environment);
        }
        // The thread that calls execve becomes the process and takes its namespace along (execve(2), "Effect on threads").
        using NetworkNamespace network = NetworkNamespace.Create();
        network.Run(() => Execute(path, arguments, environment));
    }

    /// <summary>Leaves a descriptor open for the program that replaces this one; all others are closed then.</summary>
    /// <exception cref="SystemCallException">It is none.</exception>
    public static void Keep(SafeHandle descriptor)
    {
        const int doNotCloseOnExecute = 0x5450; // FIONCLEX
        if (Libc.ioctl((int)descriptor.DangerousGetHandle(), doNotCloseOnExecute, null) != 0)
        {
            throw SystemCallException.Last("ioctl FIONCLEX");
        }
    }

    private static void Execute(string path, IReadOnlyList<string> arguments, Dictionary<string, string> environment)
    {
        nint[] argumentPointers = Pointers(arguments);
        nint[] environmentPointers = Pointers([.. environment.Select(pair => $"{pair.Key}={pair.Value}")]);
        fixed (nint* argv = argumentPointers, envp = environmentPointers)
        {
            _ = Libc.execve(path, argv, envp);
        }
        SystemCallException failure = SystemCallException.Last($"execve {path}");
        Free(argumentPointers);
        Free(environmentPointers);
        throw failure;
    }

    // A list of C strings that ends with a null pointer.
    private static nint[] Pointers(IReadOnlyList<string> strings) => [.. strings.Select(Marshal.StringToCoTaskMemUTF8), 0];

    private static void Free(nint[] pointers)
    {
        foreach (nint pointer in pointers)
        {
            Marshal.FreeCoTaskMem(pointer);
        }
    }
}
