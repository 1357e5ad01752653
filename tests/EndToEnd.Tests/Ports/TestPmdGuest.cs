using System.Globalization;
using System.Text.RegularExpressions;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Ports;

/// <summary>
/// DPDK's testpmd as a guest with a virtio_user card at each of two sockets. One thread of it makes packets and takes those that come.
/// </summary>
internal sealed partial class TestPmdGuest : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly RunningCommand _process;

    /// <param name="folder">For what it writes while it runs.</param>
    /// <param name="sockets">Two paths.</param>
    /// <param name="listens">Whether it makes the sockets and waits for a switch; else it connects.</param>
    public TestPmdGuest(string folder, IReadOnlyList<string> sockets, bool listens)
    {
        string[] arguments =
        [
            "-oL", "dpdk-testpmd", "--lcores", "0@0,1@0", "-m", "128", "--no-huge", "--no-pci", "--no-telemetry", "--single-file-segments", "--iova-mode=va",
            .. sockets.Select((path, card) => $"--vdev=net_virtio_user{card},path={path},server={(listens ? 1 : 0)}"),
            "--", "-i", "--nb-cores=1", "--forward-mode=flowgen", "--total-num-mbufs=8192",
        ];
        _process = RunningCommand.Start("stdbuf", arguments, new Dictionary<string, string> { ["RUNTIME_DIRECTORY"] = folder }, listens: true);
        if (listens)
        {
            _process.WaitForText("waiting for client connection", Patience);
        }
    }

    /// <summary>Its cards are there.</summary>
    public void AwaitStart() => _process.WaitForText("Done\n", Patience); // behind it it reads its first command

    public void Begin() => _process.Say("start");

    /// <summary>Makes no more packets, and takes what still comes.</summary>
    public void Finish()
    {
        _process.Say("stop");
        _process.Say("set fwd rxonly");
        _process.Say("start");
    }

    /// <summary>Packets of both cards since the start.</summary>
    public (long Received, long Sent) Read()
    {
        int from = _process.Output.Length;
        _process.Say("show port stats all");
        MatchCollection received = null!;
        MatchCollection sent = null!;
        Eventually.True(
            () =>
            {
                string said = _process.Output[from..];
                (received, sent) = (Receptions().Matches(said), Transmissions().Matches(said));
                return received.Count == 2 && sent.Count == 2;
            },
            () => $"testpmd answers; it said: {_process.LastLines}");
        return (Sum(received), Sum(sent));
    }

    /// <summary>Ends it as its user does.</summary>
    public void Quit()
    {
        _process.Say("quit");
        _process.WaitForEnd(Patience);
    }

    public void Dispose() => _process.Dispose();

    private static long Sum(MatchCollection numbers) => numbers.Sum(match => long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"RX-packets: (\d+)\s+RX-missed")]
    private static partial Regex Receptions();

    [GeneratedRegex(@"TX-packets: (\d+)\s+TX-errors")]
    private static partial Regex Transmissions();
}
