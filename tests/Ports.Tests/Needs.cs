using Softswitch.Ports.Linux;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>What a test needs of the machine; without it the test is skipped with the reason.</summary>
internal static class Needs
{
    private static readonly Lazy<string?> XdpObstacle = new(FindXdpObstacle);

    public static void Namespaces() =>
        Assert.SkipUnless(TestNamespace.UnavailableReason is null, TestNamespace.UnavailableReason ?? string.Empty);

    public static void Tun()
    {
        Namespaces();
        Assert.SkipUnless(File.Exists("/dev/net/tun"), "/dev/net/tun does not exist: TAP devices cannot be made");
    }

    public static void Xdp()
    {
        Namespaces();
        Assert.SkipUnless(XdpObstacle.Value is null, XdpObstacle.Value ?? string.Empty);
    }

    public static void Program(string name)
    {
        bool found = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
            .Split(':').Append("/usr/sbin").Any(folder => File.Exists(Path.Combine(folder, name)));
        Assert.SkipUnless(found, $"{name} is not installed");
    }

    /// <summary>Asks the kernel itself, past our own ports: a port that cannot be opened is a failure where this works.</summary>
    private static string? FindXdpObstacle()
    {
        int socket = Libc.socket(Libc.AF_XDP, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, 0);
        if (socket < 0)
        {
            return $"this kernel has no AF_XDP for us: {Errno.Text(Errno.Last)}";
        }
        _ = Libc.close(socket);
        int map = Bpf.CreateSocketMap(1);
        if (map < 0)
        {
            return $"this kernel or container refuses bpf(2): {Errno.Text(Errno.Last)}";
        }
        _ = Libc.close(map);
        return null;
    }
}
