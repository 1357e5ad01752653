using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>Hosts 10.9.0.1 and 10.9.0.2 in namespaces of their own, each with a veth to a third where the switch's ends "left" and "right" are.</summary>
internal sealed class TwoHosts : IDisposable
{
    public const string LeftAddress = "10.9.0.1";
    public const string RightAddress = "10.9.0.2";

    public TwoHosts(int mtu = 1500)
    {
        TestNamespace.Join(Left, "eth", Switch, "left");
        TestNamespace.Join(Right, "eth", Switch, "right");
        Left.Execute("ip", "addr", "add", $"{LeftAddress}/24", "dev", "eth").Checked();
        Right.Execute("ip", "addr", "add", $"{RightAddress}/24", "dev", "eth").Checked();
        if (mtu != 1500)
        {
            string text = $"{mtu}";
            Left.Execute("ip", "link", "set", "eth", "mtu", text).Checked();
            Right.Execute("ip", "link", "set", "eth", "mtu", text).Checked();
            Switch.Execute("ip", "link", "set", "left", "mtu", text).Checked();
            Switch.Execute("ip", "link", "set", "right", "mtu", text).Checked();
        }
    }

    public TestNamespace Left { get; } = new("left");

    public TestNamespace Right { get; } = new("right");

    public TestNamespace Switch { get; } = new("switch");

    /// <summary>Runs an iperf3 client in <paramref name="client"/> against a server on the other host; returns what both said.</summary>
    public CommandResult Iperf(TestNamespace client, params string[] arguments)
    {
        bool fromLeft = client == Left;
        TestNamespace server = fromLeft ? Right : Left;
        using RunningCommand listening = server.Start("iperf3", "-s", "-1", "--forceflush");
        listening.WaitForText("Server listening", TimeSpan.FromSeconds(10));
        string address = fromLeft ? RightAddress : LeftAddress;
        return client.Execute(TimeSpan.FromSeconds(60), "iperf3", ["-c", address, "-J", .. arguments]).Checked();
    }

    public void Ping(params string[] options) =>
        Left.Execute("ping", ["-c", "3", "-i", "0.05", "-W", "3", .. options, RightAddress]).Checked();

    public void Dispose()
    {
        Left.Dispose();
        Right.Dispose();
        Switch.Dispose();
    }
}
