using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>What a test needs of the machine; without it the test is skipped with the reason.</summary>
internal static class Needs
{
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
        Assert.SkipUnless(XdpSupport.UnavailableReason is null, XdpSupport.UnavailableReason ?? string.Empty);
    }

    public static void Program(string name)
    {
        bool found = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
            .Split(':').Append("/usr/sbin").Any(folder => File.Exists(Path.Combine(folder, name)));
        Assert.SkipUnless(found, $"{name} is not installed");
    }
}
