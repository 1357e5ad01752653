using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;
using Xunit;

namespace Softswitch.Testing;

/// <summary>What a test needs of the machine; without it the test is skipped with the reason. Such a test is no unit test: it has the trait Ring.</summary>
internal static class Needs
{
    private static readonly Lazy<string?> Obstacle = new(FindObstacle);

    /// <summary>Null where namespaces can be made; else the reason for a test to skip.</summary>
    public static string? NamespacesObstacle => Obstacle.Value;

    /// <summary>Root, namespaces, and these programs.</summary>
    public static void Namespaces(params string[] programs)
    {
        Ring();
        Assert.SkipUnless(NamespacesObstacle is null, NamespacesObstacle ?? string.Empty);
        foreach (string program in programs)
        {
            Program(program);
        }
    }

    /// <summary>A new namespace, its loopback interface down.</summary>
    public static NetworkNamespace NewNamespace()
    {
        Namespaces();
        return NetworkNamespace.Create();
    }

    /// <summary>As <see cref="Namespaces"/>, and AF_XDP.</summary>
    public static void Xdp(params string[] programs)
    {
        Namespaces(programs);
        Assert.SkipUnless(XdpSupport.UnavailableReason is null, XdpSupport.UnavailableReason ?? string.Empty);
    }

    public static void Tun()
    {
        Namespaces();
        Assert.SkipUnless(File.Exists("/dev/net/tun"), "/dev/net/tun does not exist: TAP devices cannot be made");
    }

    public static void Root()
    {
        Ring();
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "not root");
    }

    public static void Scapy() => Assert.SkipUnless(Directory.Exists("/usr/lib/python3/dist-packages/scapy"), "Scapy is not installed");

    public static void Program(string name)
    {
        Ring();
        bool found = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
            .Split(':').Append("/usr/sbin").Append("/sbin").Any(folder => File.Exists(Path.Combine(folder, name)));
        Assert.SkipUnless(found, $"{name} is not installed");
    }

    private static void Ring() => Assert.True(
        TestContext.Current.Test?.Traits.ContainsKey("Ring") != false, "a test that needs root, namespaces or a program has the trait Ring (./test)");

    private static string? FindObstacle()
    {
        try
        {
            NetworkNamespace.Create().Dispose();
            return null;
        }
        catch (SystemCallException refusal)
        {
            return $"network namespaces cannot be made here: {refusal.Message}";
        }
    }
}
