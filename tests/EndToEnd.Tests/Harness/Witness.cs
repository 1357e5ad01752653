namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>tcpdump at a host's interface: what really arrived, in words, checksums verified.</summary>
internal sealed class Witness : IDisposable
{
    private readonly RunningCommand _tcpdump;

    private Witness(RunningCommand tcpdump) => _tcpdump = tcpdump;

    /// <summary>Starts to look and returns when it does.</summary>
    /// <param name="host">Where.</param>
    /// <param name="filter">In pcap-filter(7)'s words.</param>
    /// <param name="packets">After so many it ends.</param>
    public static Witness At(LabNode host, string filter, int packets)
    {
        // -Q in: what arrives, not what the host sends.
        RunningCommand tcpdump = host.Start("tcpdump", "-i", "eth0", "-Q", "in", "-n", "-e", "-vv", "--immediate-mode", "-c", $"{packets}", filter);
        var witness = new Witness(tcpdump);
        tcpdump.WaitForText("listening on", SwitchProgram.Patience);
        return witness;
    }

    /// <summary>What it saw, after the last packet it waited for.</summary>
    public string WaitForEnd() => _tcpdump.WaitForEnd(SwitchProgram.Patience).Checked().Output;

    public void Dispose() => _tcpdump.Dispose();
}
