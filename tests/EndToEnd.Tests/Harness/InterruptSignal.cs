using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>SIGINT ends programs that the tests start, as it does for who starts them by hand.</summary>
internal static partial class InterruptSignal
{
    private const int SIGINT = 2;
    private const nint SIG_DFL = 0;
    private const nint SIG_IGN = 1;

    /// <summary>A shell that starts the tests in the background without job control has them ignore it, and what they start inherits that (signal(7)).</summary>
    [ModuleInitializer]
    internal static void Restore()
    {
        nint handler = signal(SIGINT, SIG_DFL);
        if (handler != SIG_IGN)
        {
            signal(SIGINT, handler);
        }
    }

    [LibraryImport("libc")]
    private static partial nint signal(int number, nint handler);
}
