using System.Runtime.InteropServices;

namespace Softswitch.Ports.Linux;

/// <summary>The system calls behind namespaces, netlink and what a process may do.</summary>
internal static unsafe partial class Libc
{
    public const int AF_NETLINK = 16;

    [LibraryImport(Library, SetLastError = true)]
    public static partial int unshare(int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint recv(int descriptor, void* buffer, nuint length, int flags);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int execve(string path, nint* arguments, nint* environment);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int prctl(int operation, nuint argument2, nuint argument3, nuint argument4, nuint argument5);
}
