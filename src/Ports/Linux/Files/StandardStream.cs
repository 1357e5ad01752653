using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Softswitch.Ports.Linux.Files;

/// <summary>Whether whoever started the process gave it a standard stream.</summary>
/// <remarks>
/// One that was closed leaves its number to the first file the runtime opens: what was written there would go to a library, a socket or a pipe of ours. What
/// is inherited is known by its flag: it came through exec(2), and the runtime opens everything to be closed by that.
/// </remarks>
internal static class StandardStream
{
    public const int Output = 1;
    public const int Error = 2;

    private const int F_GETFD = 1;
    private const int FD_CLOEXEC = 1;

    /// <summary>Writes to the stream as it is, each text at once. The stream stays open.</summary>
    public static TextWriter Writer(int descriptor) => new StreamWriter(
        new FileStream(new SafeFileHandle(descriptor, ownsHandle: false), FileAccess.Write, bufferSize: 0),
        new UTF8Encoding(encoderShouldEmitUTF8Identifier: false))
    {
        AutoFlush = true,
    };

    public static bool IsGiven(int descriptor) => Libc.fcntl(descriptor, F_GETFD, 0) is var flags && flags >= 0 && (flags & FD_CLOEXEC) == 0;
}
