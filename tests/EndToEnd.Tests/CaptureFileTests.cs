using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>Switching without any interface: from a capture in memory to nowhere, or into another capture.</summary>
public sealed class CaptureFileTests : IDisposable
{
    private const int FrameCount = 100;
    private const int FrameLength = 60;

    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-test-").FullName;

    [Fact]
    public void What_is_written_to_a_capture_file_is_what_tcpdump_reads()
    {
        Needs.Namespaces("ovs-ofctl", "tcpdump");
        string output = Path.Combine(_folder, "out.pcap");
        using var lab = new CabledHosts(hosts: 0);
        using HostedSwitch running = lab.StartRun(
            "--port", $"1=replay:{WriteCapture()},once", "--port", $"2=pcap:{output}", "--listen", CabledHosts.Listen, "--fail-mode", "standalone");
        Eventually.True(() => CabledHosts.Number(lab.Ofctl("dump-ports", "2"), "tx pkts") == FrameCount, () => lab.Ofctl("dump-ports"));
        running.Dispose();
        string read = RunningCommand.Execute("tcpdump", "-r", output, "-n", "-e").Checked().Output;
        string[] lines = [.. read.Split('\n').Where(line => line.Contains(" > ", StringComparison.Ordinal))]; // the others are the frames' bytes
        Assert.Equal(FrameCount, lines.Length);
        Assert.Contains("02:00:00:00:00:01 > 02:00:00:00:00:02", lines[0], StringComparison.Ordinal);
        Assert.Contains($"length {FrameLength}", lines[^1], StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string WriteCapture() => SmallCapture.Write(_folder, FrameCount, FrameLength);
}
