using System.Globalization;
using System.Runtime.ExceptionServices;
using Softswitch.Ports.Linux;

namespace Softswitch.Testing;

/// <summary>A network namespace of the test's own, deleted with everything in it when disposed.</summary>
/// <remarks>
/// The name carries the test process's id, so that namespaces of a process that was killed are found and deleted by the
/// next one. Threads: any; <see cref="Run(Action)"/> uses a thread of its own, because a namespace belongs to a thread.
/// </remarks>
internal sealed class TestNamespace : IDisposable
{
    private const string Prefix = "sst-";

    private static readonly TimeSpan DefaultBound = TimeSpan.FromSeconds(30);
    private static readonly Lazy<string?> Obstacle = new(FindObstacle);
    private static int _count;

    private readonly Lock _gate = new();
    private readonly List<RunningCommand> _running = [];
    private bool _disposed;

    /// <param name="label">A few letters that tell a person which test it belongs to.</param>
    public TestNamespace(string label = "t")
    {
        Name = $"{Prefix}{Environment.ProcessId}-{Interlocked.Increment(ref _count)}-{label}";
        ExecuteOutside("ip", "netns", "add", Name).Checked();
        try
        {
            Execute("ip", "link", "set", "lo", "up").Checked();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Null where namespaces can be made; else the reason for a test to skip.</summary>
    public static string? UnavailableReason => Obstacle.Value;

    public string Name { get; }

    /// <summary>Runs a command outside of any test namespace, within 30 seconds.</summary>
    public static CommandResult ExecuteOutside(string file, params string[] arguments) => Complete(file, arguments, DefaultBound);

    /// <summary>Runs a command inside, within 30 seconds.</summary>
    public CommandResult Execute(string file, params string[] arguments) => Complete("ip", Inside(file, arguments), DefaultBound);

    /// <summary>Runs a command inside, within <paramref name="bound"/>.</summary>
    public CommandResult Execute(TimeSpan bound, string file, params string[] arguments) => Complete("ip", Inside(file, arguments), bound);

    /// <summary>Starts a command inside; it is killed at the latest when the namespace is disposed.</summary>
    public RunningCommand Start(string file, params string[] arguments)
    {
        RunningCommand command = RunningCommand.Start("ip", Inside(file, arguments));
        lock (_gate)
        {
            _running.Add(command);
        }
        return command;
    }

    /// <summary>Makes a veth pair between two namespaces (which may be the same one) and brings both ends up, without IPv6 chatter.</summary>
    /// <param name="queues">Of each end, to receive and to send by.</param>
    public static void Join(TestNamespace left, string leftName, TestNamespace right, string rightName, int queues = 1)
    {
        string[] wide = queues == 1 ? [] : ["numrxqueues", $"{queues}", "numtxqueues", $"{queues}"];
        left.Execute("ip", ["link", "add", "name", leftName, .. wide, "type", "veth", "peer", "name", rightName, .. wide, "netns", right.Name]).Checked();
        left.BringUp(leftName);
        right.BringUp(rightName);
    }

    /// <summary>Brings an interface up without the multicast the kernel's IPv6 would send through it.</summary>
    public void BringUp(string name)
    {
        Execute("sh", "-c", $"echo 1 > /proc/sys/net/ipv6/conf/{name}/disable_ipv6 && ip link set {name} up").Checked();
    }

    /// <summary>Runs code on a thread inside the namespace: sockets opened there belong to it for good.</summary>
    public void Run(Action action) => Run<object?>(() =>
    {
        action();
        return null;
    });

    /// <summary>As <see cref="Run(Action)"/>, with a result.</summary>
    public T Run<T>(Func<T> function)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Enter();
                result = function();
            }
#pragma warning disable CA1031 // carried to the caller
            catch (Exception e)
#pragma warning restore CA1031
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }
            _disposed = true;
        }
        foreach (RunningCommand command in _running)
        {
            command.Dispose();
        }
        ExecuteOutside("ip", "netns", "del", Name);
    }

    private void Enter()
    {
        int descriptor = Libc.open($"/run/netns/{Name}", Libc.O_CLOEXEC);
        int result = descriptor < 0 ? -1 : Libc.setns(descriptor, Libc.CLONE_NEWNET);
        int error = Errno.Last;
        if (descriptor >= 0)
        {
            _ = Libc.close(descriptor);
        }
        if (result < 0)
        {
            throw new InvalidOperationException($"cannot enter namespace {Name}: {Errno.Text(error)}");
        }
    }

    private string[] Inside(string file, string[] arguments) => ["netns", "exec", Name, file, .. arguments];

    private static CommandResult Complete(string file, string[] arguments, TimeSpan bound)
    {
        using RunningCommand command = RunningCommand.Start(file, arguments);
        return command.WaitForEnd(bound);
    }

    private static string? FindObstacle()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "not root: network namespaces cannot be made";
        }
        try
        {
            DeleteAbandoned();
            using var probe = new TestNamespace("probe");
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException or System.ComponentModel.Win32Exception)
        {
            return $"network namespaces cannot be made here: {e.Message}";
        }
    }

    private static void DeleteAbandoned()
    {
        string list = ExecuteOutside("ip", "netns", "list").Checked().Output;
        foreach (string line in list.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string name = line.Split(' ')[0];
            string[] parts = name.Split('-');
            if (name.StartsWith(Prefix, StringComparison.Ordinal)
                && parts.Length >= 3
                && int.TryParse(parts[1], CultureInfo.InvariantCulture, out int process)
                && !Directory.Exists($"/proc/{process}"))
            {
                ExecuteOutside("ip", "netns", "del", name);
            }
        }
    }
}
