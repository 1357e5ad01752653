using System.Globalization;
using System.Text.RegularExpressions;
using Softswitch.Bench.Compare;
using Softswitch.Hosting;
using Softswitch.Lab;
using Softswitch.Ports.Linux;

namespace Softswitch.Bench.Io;

/// <summary>Two hosts, each on a veth to the namespace of a switch, with their offloads as they come; iperf3 between them.</summary>
/// <remarks>Namespaces are held by descriptors: they go with the process. Threads: one.</remarks>
internal sealed partial class TcpTestbed : ITcpTestbed
{
    public const string InputName = "in";
    public const string OutputName = "out";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly LabHost _client = LabHost.Numbered(1);
    private readonly LabHost _server = LabHost.Numbered(2);
    private readonly int _hostProcessor;

    /// <param name="hostProcessor">The only one iperf3 may use.</param>
    /// <param name="offloads">Whether the hosts leave checksums and segments to their interfaces, as they do unless told otherwise.</param>
    public TcpTestbed(int hostProcessor, bool offloads)
    {
        _hostProcessor = hostProcessor;
        try
        {
            Connect(_client, InputName, offloads);
            Connect(_server, OutputName, offloads);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where the switch's interfaces are.</summary>
    public NetworkNamespace Switch { get; } = NetworkNamespace.Create();

    /// <summary>Bits a second as the receiver counts them, of what iperf3's client said with <c>-f k</c>; null if it said nothing of the kind.</summary>
    public static double? ReadRate(string said) => ReceiverRate().Match(said) is { Success: true } rate
        ? double.Parse(rate.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * 1000
        : null;

    public double Measure(TimeSpan duration, CancellationToken cancellation)
    {
        using RunningCommand server = Start(_server, "-s", "-1", "--forceflush");
        string seconds = Math.Max(1, Math.Ceiling(duration.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        string address = _server.IPAddress.ToString();
        try
        {
            server.WaitForText("listening", Patience, () => cancellation.IsCancellationRequested);
            using RunningCommand client = Start(_client, "-c", address, "-t", seconds, "-f", "k", "-i", "0", "--connect-timeout", "5000");
            CommandResult result = client.WaitForEnd(duration + Patience, () => cancellation.IsCancellationRequested);
            return result.ExitCode == 0 && ReadRate(result.Output) is { } rate
                ? rate
                : throw new CompareException($"iperf3 to {address} failed: {client.LastLines}");
        }
        catch (TimeoutException e)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new CompareException(e.Message.ReplaceLineEndings("; "), e);
        }
    }

    public void Dispose()
    {
        _client.Dispose();
        _server.Dispose();
        Switch.Dispose();
    }

    private RunningCommand Start(LabHost host, params string[] arguments)
    {
        try
        {
            return RunningCommand.Start("iperf3", arguments, network: host.Network, processor: _hostProcessor);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new OptionException($"iperf3 is needed: {e.Message}", e);
        }
    }

    private void Connect(LabHost host, string nearName, bool offloads)
    {
        host.Connect(Switch, nearName);
        if (!offloads)
        {
            host.Run(() => InterfaceFeatures.SetTransmitOffload(host.CurrentInterface, on: false));
        }
    }

    [GeneratedRegex(@"([\d.]+) Kbits/sec\s+receiver")]
    private static partial Regex ReceiverRate();
}
