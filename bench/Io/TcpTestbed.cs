using System.Globalization;
using System.Text.RegularExpressions;
using Softswitch.Bench.Sides;
using Softswitch.Lab;
using Softswitch.Lab.Linux;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Io;

/// <summary>Two hosts, each on a veth to the namespace of a switch, with their offloads as they come; iperf3 between them.</summary>
/// <remarks>Namespaces are held by descriptors: they go with the process. Threads: one.</remarks>
internal sealed partial class TcpTestbed : ITcpTestbed
{
    public const string InputName = "in";
    public const string OutputName = "out";

    /// <summary>An Ethernet header and the least MTU of IPv4 hosts.</summary>
    public const int MinFrameLength = HeaderLength + 576;

    public const int MaxFrameLength = HeaderLength + ushort.MaxValue;

    private const int HeaderLength = 14;
    private const int Pings = 500;

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private readonly LabHost _client = LabHost.Numbered(1);
    private readonly LabHost _server = LabHost.Numbered(2);
    private readonly int? _hostProcessor;

    /// <param name="hostProcessor">The only one iperf3 may use; null for all.</param>
    /// <param name="offloads">Whether the hosts leave checksums and segments to their interfaces, as they do unless told otherwise.</param>
    /// <param name="frameLength">Bytes without FCS of the longest frame that all interfaces take.</param>
    public TcpTestbed(int? hostProcessor, bool offloads, int frameLength)
    {
        _hostProcessor = hostProcessor;
        try
        {
            Connect(_client, InputName, offloads, frameLength - HeaderLength);
            Connect(_server, OutputName, offloads, frameLength - HeaderLength);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where the switch's interfaces are.</summary>
    public NetworkNamespace Switch { get; } = NetworkNamespace.Create();

    public TcpStreamRate Measure(TimeSpan duration, CancellationToken cancellation)
    {
        using RunningCommand before = Ping("-i", "0.001", "-c", $"{Pings}");
        double roundTrip = ReadAverage(before, cancellation);
        string seconds = Math.Max(1, Math.Floor(duration.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        using RunningCommand beside = Ping("-i", "0.01", "-w", seconds);
        double rate = TcpRate.Measure(_client, _server, duration, cancellation, _hostProcessor);
        return new TcpStreamRate(rate, roundTrip, ReadAverage(beside, cancellation));
    }

    public void Dispose()
    {
        _client.Dispose();
        _server.Dispose();
        Switch.Dispose();
    }

    private RunningCommand Ping(params string[] arguments) =>
        RunningCommand.Start("ping", ["-q", "-n", .. arguments, $"{_server.IPAddress}"], network: _client.Network, processor: _hostProcessor);

    private static double ReadAverage(RunningCommand ping, CancellationToken cancellation)
    {
        string said = ping.WaitForEnd(s_patience, () => cancellation.IsCancellationRequested).Output;
        return RoundTrip().Match(said) is { Success: true } average ? double.Parse(average.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * 1000
            : throw new CompareException($"no ping was answered: {said.Trim().ReplaceLineEndings("; ")}");
    }

    [GeneratedRegex(@"= [\d.]+/([\d.]+)/")]
    private static partial Regex RoundTrip();

    private void Connect(LabHost host, string nearName, bool offloads, int mtu)
    {
        host.Connect(Switch, nearName);
        host.Links.SetMtu(host.CurrentInterface, mtu);
        using (NetlinkSocket near = Switch.Run(NetlinkSocket.Open))
        {
            near.SetMtu(nearName, mtu);
        }
        if (!offloads)
        {
            host.Run(() => InterfaceFeatures.SetTransmitOffload(host.CurrentInterface, on: false));
        }
    }
}
