using Softswitch.EndToEnd.Tests.Harness;

namespace Softswitch.EndToEnd.Tests.Tunnels;

/// <summary>Host 1 behind port 1; host 2 is the far end of a tunnel (port 3) that travels by port 2, which is 10.0.0.100.</summary>
/// <remarks>Inside the tunnel host 1 is 192.168.9.1 and whatever host 2 has at its end 192.168.9.2.</remarks>
internal sealed class TunnelLab : IDisposable
{
    public const string Underlay = "10.0.0.100";
    public const string Near = "192.168.9.1";
    public const string Far = "192.168.9.2";

    public TunnelLab()
    {
        CabledHosts = new CabledHosts();
        try
        {
            CabledHosts.Host(1).Execute("ip", "addr", "add", $"{Near}/24", "dev", "eth0").Checked();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public CabledHosts CabledHosts { get; }

    /// <summary>Starts the switch and joins port 1 with the tunnel.</summary>
    /// <param name="tunnel">Its specification but for the ends.</param>
    public HostedSwitch Start(string tunnel, params string[] more) => StartOn("s1", "s2", tunnel, more);

    /// <summary>As <see cref="Start"/>, on ports of chosen backends; a TAP device as port 1 is called t1 and becomes host 1's.</summary>
    public HostedSwitch StartOn(string near, string underlay, string tunnel, params string[] more)
    {
        HostedSwitch running = CabledHosts.StartRun(
            ["--port", $"1={near}", "--port", $"2={underlay},address={Underlay}/24", "--port", $"3={tunnel}local={Underlay},remote=10.0.0.2,via=2", "--listen", CabledHosts.Listen, .. more]);
        CabledHosts.Ofctl("add-flow", "in_port=1,actions=output:3");
        CabledHosts.Ofctl("add-flow", "in_port=3,actions=output:1");
        if (near == "tap:t1")
        {
            MoveTap();
        }
        return running;
    }

    /// <summary>Makes the kernel's device at the far end and gives it its address; skips the test where this kernel has none such.</summary>
    public void AddFarEnd(string type, params string[] options)
    {
        LabNode host = CabledHosts.Host(2);
        CommandResult made = host.Execute("ip", ["link", "add", "tun9", .. type == "ipip" ? (string[])[] : ["address", "02:00:00:00:09:02"], "type", type, .. options]);
        Assert.SkipWhen(
            made.Error.Contains("Unknown device type", StringComparison.Ordinal) || made.Error.Contains("not supported", StringComparison.Ordinal),
            $"this kernel has no {type} devices");
        made.Checked();
        host.Execute("ip", "addr", "add", $"{Far}/24", "dev", "tun9").Checked();
        host.BringUp("tun9");
    }

    /// <summary>How many of so many pings were answered.</summary>
    public int Ping(int from, string to, int count = 3, params string[] options) => Harness.CabledHosts.Ping(CabledHosts.Host(from), to, count, options);

    /// <summary>Some megabytes of TCP by iperf3 from one host to the other; returns the bytes that arrived before the sender was done.</summary>
    /// <param name="options">Of the client, such as -R.</param>
    public long Transfer(params string[] options)
    {
        // What is under way when all is sent is not counted: no more than the window.
        string report = Iperf.Run(CabledHosts.Host(1), CabledHosts.Host(2), Far, ["-n", "4M", "-w", "256K", "-J", .. options]);
        using var json = System.Text.Json.JsonDocument.Parse(report);
        return json.RootElement.GetProperty("end").GetProperty("sum_received").GetProperty("bytes").GetInt64();
    }

    public void Dispose() => CabledHosts.Dispose();

    private void MoveTap()
    {
        LabNode host = CabledHosts.Host(1);
        host.Execute("ip", "link", "del", "eth0").Checked();
        CabledHosts.Inside.Execute("ip", "link", "set", "t1", "netns", host.NetworkPath).Checked();
        host.Execute("ip", "link", "set", "t1", "name", "eth0").Checked();
        host.Execute("ip", "addr", "add", $"{Near}/24", "dev", "eth0").Checked();
        host.BringUp("eth0");
    }
}
