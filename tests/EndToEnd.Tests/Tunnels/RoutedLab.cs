using Softswitch.EndToEnd.Tests.Harness;

namespace Softswitch.EndToEnd.Tests.Tunnels;

/// <summary>A tunnel whose ends are in different networks: a kernel that routes stands between them.</summary>
/// <remarks>
/// <code>
/// near eth0 --- s1 switch u0 --- ra router rb --- eth0 far
/// 192.168.9.1     10.1.0.1   .254, .253    10.2.0.254   10.2.0.2, tun9 192.168.9.2
/// </code>
/// </remarks>
internal sealed class RoutedLab : IDisposable
{
    public const string Inner = "192.168.9.2";
    public const string FarEnd = "10.2.0.2";
    public const string RouterMac = "02:00:00:00:01:fe";

    private readonly List<LabNode> _made = [];

    public RoutedLab()
    {
        try
        {
            Near = Make("near");
            Inside = Make("s");
            Router = Make("r");
            Far = Make("far");
            VethCable.Lay(Inside.Network, "s1", Near.Network, "eth0");
            VethCable.Lay(Inside.Network, "u0", Router.Network, "ra");
            VethCable.Lay(Router.Network, "rb", Far.Network, "eth0");
            Router.Execute("ip", "link", "set", "ra", "address", RouterMac).Checked();
            Router.Execute("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward").Checked();
            AddAddress(Near, "192.168.9.1", "eth0");
            AddAddress(Router, "10.1.0.254", "ra");
            AddAddress(Router, "10.1.0.253", "ra");
            AddAddress(Router, "10.2.0.254", "rb");
            AddAddress(Far, FarEnd, "eth0");
            Far.Execute("ip", "route", "add", "10.1.0.0/24", "via", "10.2.0.254").Checked();
            Far.Execute("ip", "link", "add", "tun9", "type", "vxlan", "id", "42", "local", FarEnd, "remote", "10.1.0.1", "dstport", "4789", "dev", "eth0").Checked();
            AddAddress(Far, Inner, "tun9");
            Far.BringUp("tun9");
            Near.Execute("ip", "link", "set", "eth0", "mtu", "1450").Checked();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public LabNode Near { get; }

    /// <summary>The switch's.</summary>
    public LabNode Inside { get; }

    public LabNode Router { get; }

    public LabNode Far { get; }

    /// <summary>Gives the switch's end of the underlay to the kernel too: address, and the way to the far end.</summary>
    public void AddToKernel()
    {
        AddAddress(Inside, "10.1.0.1", "u0");
        Inside.Execute("ip", "route", "add", "10.2.0.0/24", "via", "10.1.0.254").Checked();
    }

    /// <summary>Joins port 1 with a VXLAN tunnel to the far end.</summary>
    /// <param name="underlay">The underlay's specification.</param>
    /// <param name="tunnel">Options of the tunnel, each with a comma in front.</param>
    /// <param name="more">Other options of <c>run</c>.</param>
    public HostedSwitch Start(string underlay, string tunnel = "", params string[] more)
    {
        HostedSwitch running = HostedSwitch.Start(Inside, [.. Arguments(underlay, tunnel), .. more]);
        JoinPort1();
        return running;
    }

    /// <summary>As <see cref="Start"/>, in a process of its own.</summary>
    public RunningCommand StartProcess(string underlay, params string[] more)
    {
        RunningCommand running = Inside.Start(SwitchProgram.Dotnet, [SwitchProgram.Library, "run", .. Arguments(underlay, string.Empty), .. more]);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        JoinPort1();
        return running;
    }

    /// <summary>Why it does not start over this underlay.</summary>
    public string Refusal(string underlay) => HostedSwitch.Refusal(Inside, Arguments(underlay, string.Empty));

    public string Ofctl(string command, params string[] arguments) => CabledHosts.Ofctl(Inside, command, arguments);

    /// <summary>Pings through the tunnel; returns how many were answered.</summary>
    public int Ping(int count = 3, params string[] options) => CabledHosts.Ping(Near, Inner, count, options);

    public bool IsTunnelUp()
    {
        string show = Ofctl("show");
        return !show[show.IndexOf(" 3(", StringComparison.Ordinal)..].Contains("LINK_DOWN", StringComparison.Ordinal);
    }

    public void Dispose() => _made.ForEach(space => space.Dispose());

    private void JoinPort1()
    {
        Ofctl("add-flow", "in_port=1,actions=output:3");
        Ofctl("add-flow", "in_port=3,actions=output:1");
    }

    private static string[] Arguments(string underlay, string tunnel) =>
        ["--port", "1=s1", "--port", $"2={underlay}", "--port", $"3=vxlan:local=10.1.0.1,remote={FarEnd},key=42,via=2{tunnel}", "--listen", CabledHosts.Listen];

    private static void AddAddress(LabNode space, string address, string device) =>
        space.Execute("ip", "addr", "add", $"{address}/24", "dev", device).Checked();

    private LabNode Make(string label)
    {
        var space = new LabNode(label);
        _made.Add(space);
        return space;
    }
}
