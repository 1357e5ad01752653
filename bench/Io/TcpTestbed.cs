using System.Globalization;
using System.Text.RegularExpressions;
using Softswitch.Bench.Compare;
using Softswitch.Datapath.Headers;
using Softswitch.Hosting;
using Softswitch.Lab;
using Softswitch.Ports.Linux;

namespace Softswitch.Bench.Io;

/// <summary>Two hosts, each on a veth to the namespace of a switch, with their offloads as they come; iperf3 between them.</summary>
/// <remarks>Namespaces are held by descriptors: they go with the process. Threads: one.</remarks>
internal sealed partial class TcpTestbed : IDisposable
{
    public const string InputName = "in";
    public const string OutputName = "out";

    private const string HostName = "eth0";
    private const string Client = "10.9.0.1";
    private const string Server = "10.9.0.2";
    private const uint ClientAddress = 0x0a09_0001;
    private const uint ServerAddress = 0x0a09_0002;

    private static readonly Dictionary<string, string> NoVariables = [];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly NetworkNamespace _client = NetworkNamespace.Create();
    private readonly NetworkNamespace _server = NetworkNamespace.Create();
    private readonly int _hostProcessor;

    /// <param name="hostProcessor">The only one iperf3 may use.</param>
    /// <param name="offloads">Whether the hosts leave checksums and segments to their interfaces, as they do unless told otherwise.</param>
    public TcpTestbed(int hostProcessor, bool offloads)
    {
        _hostProcessor = hostProcessor;
        try
        {
            Join(_client, InputName, ClientAddress, offloads);
            Join(_server, OutputName, ServerAddress, offloads);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where the switch's interfaces are.</summary>
    public NetworkNamespace Switch { get; } = NetworkNamespace.Create();

    /// <summary>One TCP stream for so long; bits a second as the receiver counts them.</summary>
    /// <exception cref="CompareException">iperf3 did not come to an end, or not to a good one.</exception>
    public double Measure(TimeSpan duration, CancellationToken cancellation)
    {
        using Daemon server = Start(_server, "-s", "-1", "--forceflush");
        while (!server.Said.Contains("listening", StringComparison.Ordinal) && !server.HasEnded)
        {
            cancellation.WaitHandle.WaitOne(20);
            cancellation.ThrowIfCancellationRequested();
        }
        string seconds = Math.Max(1, Math.Ceiling(duration.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        using Daemon client = Start(_client, "-c", Server, "-t", seconds, "-f", "k", "-i", "0", "--connect-timeout", "5000");
        int? code = client.WaitForEnd(duration + Patience, cancellation);
        Match rate = ReceiverRate().Match(client.Said);
        return code == 0 && rate.Success
            ? double.Parse(rate.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * 1000
            : throw new CompareException($"iperf3 from {Client} to {Server} {(code == null ? "does not come to an end" : "failed")}: {client.Said.ReplaceLineEndings("; ")}");
    }

    public void Dispose()
    {
        _client.Dispose();
        _server.Dispose();
        Switch.Dispose();
    }

    private Daemon Start(NetworkNamespace host, params string[] arguments)
    {
        try
        {
            return Daemon.Start("iperf3", arguments, NoVariables, host, _hostProcessor);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new OptionException($"iperf3 is needed: {e.Message}", e);
        }
    }

    private void Join(NetworkNamespace host, string nearName, uint address, bool offloads)
    {
        VethCable.Lay(Switch, nearName, host, HostName);
        using NetlinkSocket there = host.Run(NetlinkSocket.Open);
        there.SetUp("lo");
        there.AddAddress(HostName, Be32.FromHost(address), 24);
        if (!offloads)
        {
            host.Run(() => InterfaceFeatures.SetTransmitOffload(HostName, on: false));
        }
    }

    [GeneratedRegex(@"([\d.]+) Kbits/sec\s+receiver")]
    private static partial Regex ReceiverRate();
}
