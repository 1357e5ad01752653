using System.Runtime.ExceptionServices;

namespace Softswitch.Ports.Linux.Processes;

/// <summary>A network namespace held by a file descriptor alone: when the process ends, however it ends, it is gone with all in it.</summary>
/// <remarks>
/// <para>
/// A namespace is a property of a thread (network_namespaces(7)), and the process's other threads must stay where they are.
/// So each <see cref="Run(Action)"/> is a thread of its own that enters, works and ends. A socket belongs to the namespace of the
/// thread that opened it, for good, and may be used from any other.
/// </para>
/// <para>
/// A thread is born into the namespace of the one that starts it. Code inside must not queue work to the thread pool: the pool
/// might start a worker from there, which would then serve the whole process from the wrong namespace.
/// </para>
/// <para>Threads: any.</para>
/// </remarks>
internal sealed class NetworkNamespace : IDisposable
{
    private const string OfThisThread = "/proc/thread-self/ns/net";

    private int _descriptor;

    private NetworkNamespace(int descriptor) => _descriptor = descriptor;

    /// <summary>For calls that take a namespace; valid until disposed.</summary>
    public int Descriptor => _descriptor;

    /// <summary>A new, empty namespace, its loopback interface down.</summary>
    /// <exception cref="SystemCallException">The system refused; it takes CAP_SYS_ADMIN.</exception>
    public static NetworkNamespace Create() => OnNewThread(() =>
    {
        if (Libc.unshare(Libc.CLONE_NEWNET) < 0)
        {
            throw SystemCallException.Last("unshare(CLONE_NEWNET)");
        }
        return OfCurrentThread();
    });

    /// <summary>The calling thread's namespace.</summary>
    public static NetworkNamespace OfCurrentThread()
    {
        int descriptor = Libc.open(OfThisThread, Libc.O_CLOEXEC);
        return descriptor < 0 ? throw SystemCallException.Last($"open {OfThisThread}") : new NetworkNamespace(descriptor);
    }

    /// <summary>Tells the calling thread's namespace from others that are in use; empty where the system does not say.</summary>
    public static string NameOfCurrent() => new FileInfo(OfThisThread).LinkTarget ?? string.Empty;

    /// <summary>Runs code on a thread inside and waits for it.</summary>
    public void Run(Action action) => Run<object?>(() =>
    {
        action();
        return null;
    });

    /// <summary>As <see cref="Run(Action)"/>, with a result. What the code throws is thrown here.</summary>
    public T Run<T>(Func<T> function)
    {
        ObjectDisposedException.ThrowIf(_descriptor < 0, this);
        return OnNewThread(() =>
        {
            if (Libc.setns(_descriptor, Libc.CLONE_NEWNET) < 0)
            {
                throw SystemCallException.Last("setns(CLONE_NEWNET)");
            }
            return function();
        });
    }

    public void Dispose()
    {
        int descriptor = Interlocked.Exchange(ref _descriptor, -1);
        if (descriptor >= 0)
        {
            _ = Libc.close(descriptor);
        }
    }

    private static T OnNewThread<T>(Func<T> function)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                result = function();
            }
#pragma warning disable CA1031 // carried to the caller
            catch (Exception e)
#pragma warning restore CA1031
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        })
        { IsBackground = true, Name = "namespace" };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }
}
