using System.Runtime.InteropServices;

namespace Softswitch.Ports.Linux;

/// <summary>The system calls behind namespaces and netlink.</summary>
internal static unsafe partial class Libc
{
    public const int AF_NETLINK = 16;

    [LibraryImport(Library, SetLastError = true)]
    public static partial int unshare(int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint recv(int descriptor, void* buffer, nuint length, int flags);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int execve(string path, nint* arguments, nint* environment);
}
