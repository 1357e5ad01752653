using System.Runtime.InteropServices;

namespace Softswitch.Ports.Linux;

/// <summary>The system calls behind sockets, rings, waiting, namespaces and what a process may do, as the C library names them.</summary>
/// <remarks>A negative return means failure; <see cref="Errno.Last"/> then says why, until the thread's next call.</remarks>
internal static unsafe partial class Libc
{
    private const string Library = "libc";

    public const int O_WRONLY = 1;
    public const int O_RDWR = 2;
    public const int O_NONBLOCK = 0x800;
    public const int O_CLOEXEC = 0x80000;
    public const int SEEK_CUR = 1;
    public const int SEEK_END = 2;
    public const int LOCK_EX = 2;
    public const int LOCK_NB = 4;
    public const int CLONE_NEWNET = 0x40000000;

    public const int AF_UNIX = 1;
    public const int AF_INET = 2;
    public const int AF_NETLINK = 16;
    public const int AF_PACKET = 17;
    public const int AF_XDP = 44;
    public const int SOCK_STREAM = 1;
    public const int SOCK_DGRAM = 2;
    public const int SOCK_RAW = 3;
    public const int SOCK_NONBLOCK = 0x800;
    public const int SOCK_CLOEXEC = 0x80000;

    public const long SYS_epoll_pwait2 = 441; // on every architecture

    public const int SOL_SOCKET = 1;
    public const int SO_ERROR = 4;
    public const int SO_PEERCRED = 17;
    public const int SO_SNDBUFFORCE = 32;
    public const int SO_RCVBUFFORCE = 33;
    public const int SO_NETNS_COOKIE = 71;
    public const int SCM_RIGHTS = 1;
    public const int SHUT_RD = 0;
    public const int SHUT_RDWR = 2;
    public const int MSG_CTRUNC = 0x8;
    public const int MSG_TRUNC = 0x20;
    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_NOSIGNAL = 0x4000;
    public const int MSG_CMSG_CLOEXEC = 0x40000000;
    public const int F_DUPFD_CLOEXEC = 1030;

    public const int PROT_READ = 1;
    public const int PROT_WRITE = 2;
    public const int MAP_SHARED = 1;
    public const int MAP_PRIVATE = 2;
    public const int MAP_ANONYMOUS = 0x20;
    public const int MAP_POPULATE = 0x8000;
    public const int MAP_HUGETLB = 0x40000;
    public const int MAP_HUGE_2MB = 21 << 26; // the page's size as a power of two, MAP_HUGE_SHIFT
    public const int MAP_FIXED = 0x10;
    public const int MADV_HUGEPAGE = 14;
    public const int MADV_POPULATE_READ = 22;
    public const int MADV_POPULATE_WRITE = 23;
    public const int MADV_COLLAPSE = 25;

    public const short POLLIN = 1;
    public const short POLLOUT = 4;
    public const short POLLERR = 8;
    public const int CLOCK_REALTIME = 0;
    public const int CLOCK_MONOTONIC = 1;
    public const int CLOCK_THREAD_CPUTIME_ID = 3;
    public const int EFD_NONBLOCK = 0x800;
    public const int EFD_CLOEXEC = 0x80000;

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int open(string path, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int close(int descriptor);

    /// <summary>With an integer argument, which is passed as fixed ones are.</summary>
    [LibraryImport(Library, SetLastError = true)]
    public static partial int fcntl(int descriptor, int command, nint argument);

    [LibraryImport(Library)]
    public static partial uint geteuid();

    [LibraryImport(Library, SetLastError = true)]
    public static partial long lseek(int descriptor, long offset, int whence);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int flock(int descriptor, int operation);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int kill(int process, int signal);

    [LibraryImport(Library)]
    public static partial int getppid();

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint read(int descriptor, void* buffer, nuint count);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint write(int descriptor, void* buffer, nuint count);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint readv(int descriptor, IoVector* vectors, int count);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint writev(int descriptor, IoVector* vectors, int count);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int ioctl(int descriptor, nuint request, void* argument);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int socket(int domain, int type, int protocol);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int bind(int descriptor, void* address, uint length);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int listen(int descriptor, int backlog);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int unlink(string path);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int accept4(int descriptor, void* address, uint* length, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int socketpair(int domain, int type, int protocol, int* pair);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int shutdown(int descriptor, int how);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int connect(int descriptor, void* address, uint length);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int setsockopt(int descriptor, int level, int name, void* value, uint length);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int getsockopt(int descriptor, int level, int name, void* value, uint* length);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint send(int descriptor, void* buffer, nuint length, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint sendmsg(int descriptor, MessageHeader* message, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint recvmsg(int descriptor, MessageHeader* message, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial void* mmap(void* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int munmap(void* address, nuint length);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int mprotect(void* address, nuint length, int protection);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int fstatfs(int descriptor, FileSystemStatus* status);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int sigaction(int signal, SignalAction* action, SignalAction* before);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int epoll_create1(int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int epoll_ctl(int poll, int operation, int descriptor, void* what);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int epoll_wait(int poll, void* events, int count, int timeoutMilliseconds);

    /// <summary>epoll_pwait2(2), for which a C library may have no name.</summary>
    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    public static partial long epoll_pwait2(long number, int poll, void* events, int count, TimeSpecification* timeout, void* signalMask, nuint maskSize);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int madvise(void* address, nuint length, int advice);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int memfd_create(string name, uint flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int ftruncate(int descriptor, long length);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int poll(PollDescriptor* descriptors, nuint count, int timeoutMilliseconds);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int ppoll(PollDescriptor* descriptors, nuint count, TimeSpecification* timeout, void* signalMask);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int tcgetattr(int descriptor, void* settings);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int tcsetattr(int descriptor, int when, void* settings);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int eventfd(uint initial, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int setns(int descriptor, int type);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint pread(int descriptor, void* buffer, nuint count, nint offset);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int sched_getaffinity(int thread, nuint size, void* mask);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int sched_setaffinity(int thread, nuint size, void* mask);

    /// <param name="parameter">struct sched_param: the priority.</param>
    [LibraryImport(Library, SetLastError = true)]
    public static partial int sched_setscheduler(int thread, int policy, int* parameter);

    /// <summary>bpf(2), which the C library has no name for. Its variadic arguments are passed as fixed ones are on x86-64 and Arm64 Linux.</summary>
    [LibraryImport(Library, SetLastError = true)]
    public static partial nint syscall(nint number, nint first, void* second, nint third);

    [LibraryImport(Library)]
    public static partial int getrusage(int who, ResourceUsage* usage);

    [LibraryImport(Library)]
    public static partial int clock_gettime(int clock, TimeSpecification* time);

    /// <summary>Sets an integer option.</summary>
    public static int SetOption(int descriptor, int level, int name, int value) =>
        setsockopt(descriptor, level, name, &value, sizeof(int));

    [LibraryImport(Library, SetLastError = true)]
    public static partial int unshare(int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint recv(int descriptor, void* buffer, nuint length, int flags);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int execve(string path, nint* arguments, nint* environment);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int prctl(int operation, nuint argument2, nuint argument3, nuint argument4, nuint argument5);
}

/// <summary>struct rusage on 64-bit Linux: what is used of it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 144)]
internal struct ResourceUsage
{
    [FieldOffset(0)]
    public long UserSeconds;
    [FieldOffset(8)]
    public long UserMicroseconds;
    [FieldOffset(16)]
    public long SystemSeconds;
    [FieldOffset(24)]
    public long SystemMicroseconds;
    [FieldOffset(64)]
    public long MinorFaults;
    [FieldOffset(72)]
    public long MajorFaults;
}

/// <summary>struct iovec.</summary>
internal unsafe struct IoVector
{
    public void* Base;
    public nuint Length;
}

/// <summary>struct msghdr on 64-bit Linux.</summary>
internal unsafe struct MessageHeader
{
    public void* Name;
    public uint NameLength;
    public IoVector* Vectors;
    public nuint VectorCount;
    public void* Control;
    public nuint ControlLength;
    public int Flags;
}

/// <summary>struct statfs on 64-bit Linux: its beginning.</summary>
[StructLayout(LayoutKind.Sequential, Size = 120)]
internal struct FileSystemStatus
{
    public long Type;
    public long BlockSize;
}

/// <summary>struct sigaction of the C library on 64-bit Linux.</summary>
[StructLayout(LayoutKind.Sequential, Size = 152)]
internal struct SignalAction
{
    public nint Handler;
    private unsafe fixed ulong _mask[16];
    public int Flags;
}

/// <summary>struct timespec on 64-bit Linux.</summary>
internal struct TimeSpecification
{
    public long Seconds;
    public long Nanoseconds;
}

/// <summary>struct pollfd.</summary>
internal struct PollDescriptor
{
    public int Descriptor;
    public short Events;
    public short Returned;
}
