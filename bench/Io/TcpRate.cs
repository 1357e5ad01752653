using System.Globalization;
using System.Text.RegularExpressions;
using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;

namespace Softswitch.Bench.Io;

/// <summary>The rate of one TCP stream of iperf3 between two hosts.</summary>
internal static partial class TcpRate
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <param name="processor">The only one iperf3 may use; null for all.</param>
    /// <returns>Bits a second as the receiver counts them.</returns>
    /// <exception cref="CompareException">Nothing came through, and what iperf3 says.</exception>
    /// <exception cref="OptionException">There is no iperf3.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static double Measure(LabHost client, LabHost server, TimeSpan duration, CancellationToken cancellation, int? processor = null)
    {
        string seconds = Math.Max(1, Math.Ceiling(duration.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        string address = server.IPAddress.ToString();
        using RunningCommand listening = Start(server, processor, "-s", "-1", "--forceflush");
        try
        {
            listening.WaitForText("listening", Patience, () => cancellation.IsCancellationRequested);
            using RunningCommand sending = Start(client, processor, "-c", address, "-t", seconds, "-f", "k", "-i", "0", "--connect-timeout", "5000");
            CommandResult result = sending.WaitForEnd(duration + Patience, () => cancellation.IsCancellationRequested);
            return result.ExitCode == 0 && Read(result.Output) is { } rate
                ? rate
                : throw new CompareException($"iperf3 to {address} failed: {sending.LastLines}");
        }
        catch (TimeoutException e)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new CompareException(e.Message.ReplaceLineEndings("; "), e);
        }
    }

    /// <summary>Bits a second as the receiver counts them, of what iperf3's client said with <c>-f k</c>; null if it said nothing of the kind.</summary>
    public static double? Read(string said) => ReceiverRate().Match(said) is { Success: true } rate
        ? double.Parse(rate.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * 1000
        : null;

    private static RunningCommand Start(LabHost host, int? processor, params string[] arguments)
    {
        try
        {
            return RunningCommand.Start("iperf3", arguments, network: host.Network, processor: processor);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new OptionException($"iperf3 is needed: {e.Message}", e);
        }
    }

    [GeneratedRegex(@"([\d.]+) Kbits/sec\s+receiver")]
    private static partial Regex ReceiverRate();
}
