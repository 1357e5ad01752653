namespace Softswitch.Ports.Tests;

/// <summary>Hosts 10.0.0.1 and 10.0.0.2, each with a cable to a third namespace where the switch's ends "left" and "right" are.</summary>
internal sealed class TwoHosts : IDisposable
{
    public const string LeftAddress = "10.0.0.1";
    public const string RightAddress = "10.0.0.2";

    public TwoHosts(int mtu = 1500)
    {
        Left.Connect(Switch.Network, "left");
        Right.Connect(Switch.Network, "right");
        Left.Links.SetMtu("eth0", mtu);
        Right.Links.SetMtu("eth0", mtu);
        Switch.Links.SetMtu("left", mtu);
        Switch.Links.SetMtu("right", mtu);
    }

    public LabHost Left { get; } = LabHost.Numbered(1);

    public LabHost Right { get; } = LabHost.Numbered(2);

    public LabNode Switch { get; } = new("switch");

    /// <summary>Runs an iperf3 client in <paramref name="client"/> against a server on the other host; returns what the client said.</summary>
    public string Transfer(LabHost client, params string[] arguments) => client == Left
        ? Iperf.Run(Left, Right, RightAddress, ["-J", .. arguments])
        : Iperf.Run(Right, Left, LeftAddress, ["-J", .. arguments]);

    public void Ping(params string[] options) =>
        Left.Execute("ping", ["-c", "3", "-i", "0.05", "-W", "3", .. options, RightAddress]).Checked();

    public void Dispose()
    {
        Left.Dispose();
        Right.Dispose();
        Switch.Dispose();
    }
}
