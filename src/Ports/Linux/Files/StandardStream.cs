using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Softswitch.Ports.Linux.Files;

/// <summary>Tells whether the process was started with a standard stream.</summary>
/// <remarks>
/// If a standard stream is closed, the first file that the runtime opens gets its number: text written there would go to a library, a socket or a pipe of
/// ours. A flag tells the two apart: an inherited descriptor stays open in exec(2), and the runtime opens its own to be closed there.
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
