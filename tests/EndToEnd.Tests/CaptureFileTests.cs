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
    public void One_pass_of_a_replay_is_counted_on_its_way_to_null()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts(hosts: 0);
        // 'once' begins with the first poll, so the flow is late for it: the bridge of fail mode standalone forwards it all.
        using HostedSwitch running = lab.StartRun(
            "--port", $"1=replay:{WriteCapture()},once", "--port", "2=null:", "--listen", CabledHosts.Listen, "--fail-mode", "standalone");
        Eventually.True(() => CabledHosts.Number(lab.Ofctl("dump-ports", "1"), "rx pkts") == FrameCount, () => lab.Ofctl("dump-ports"));
        Eventually.True(() => CabledHosts.Number(lab.Ofctl("dump-ports", "2"), "tx pkts") == FrameCount, () => lab.Ofctl("dump-ports"));
        Assert.Equal(FrameCount * FrameLength, CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-ports", "1"), "rx pkts"), "bytes"));
    }

    [Fact]
    public void An_endless_replay_is_forwarded_by_the_flow_it_meets()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts(hosts: 0);
        using HostedSwitch running = lab.StartRun("--port", $"1=replay:{WriteCapture()}", "--port", "2=null:", "--listen", CabledHosts.Listen);
        lab.Ofctl("add-flow", "in_port=1,actions=output:2");
        Eventually.True(() => CabledHosts.Number(lab.Ofctl("dump-ports", "2"), "tx pkts") > 100 * FrameCount, () => lab.Ofctl("dump-ports"));
        Assert.True(CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-flows"), "in_port=1"), "n_packets") > 100 * FrameCount);
        lab.Ofctl("del-flows");
        long sent = CabledHosts.Number(lab.Ofctl("dump-ports", "2"), "tx pkts");
        Assert.Equal(sent, CabledHosts.Number(lab.Ofctl("dump-ports", "2"), "tx pkts"));
    }

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

    [Fact]
    public void A_disk_that_is_full_is_said_once()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts(hosts: 0);
        using HostedSwitch running = lab.StartRun(
            "--port", $"1=replay:{WriteCapture()}", "--port", "2=pcap:/dev/full", "--listen", CabledHosts.Listen, "--fail-mode", "standalone");
        Eventually.True(() => running.Error.Contains("port 2: pcap:full: /dev/full lacks packets: No space left on device", StringComparison.Ordinal), () => running.Error);
        long errors = CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-ports", "2"), "tx pkts"), "errs");
        Eventually.True(() => CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-ports", "2"), "tx pkts"), "errs") > errors, () => lab.Ofctl("dump-ports"));
        running.Dispose();
        Assert.Single(running.Error.Split('\n'), line => line.Contains("/dev/full", StringComparison.Ordinal));
    }

    [Fact]
    public void A_pipe_that_nobody_reads_is_refused_and_one_whose_reader_stands_still_is_removed_and_left_at_once()
    {
        Needs.Namespaces();
        using var lab = new CabledHosts(hosts: 0);
        string pipe = Path.Combine(_folder, "pipe");
        string control = Path.Combine(_folder, "control");
        RunningCommand.Execute("mkfifo", pipe).Checked();
        Assert.Contains("nobody reads this pipe", lab.Refusal("--port", $"pcap:{pipe}"), StringComparison.Ordinal);

        using FileStream reader = new(pipe, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite); // reads nothing
        using HostedSwitch running = lab.StartRun(
            "--port", $"1=replay:{WriteCapture()}", "--port", $"2=pcap:{pipe}", "--fail-mode", "standalone", "--control", $"punix:{control}");
        lab.Start("port", "del", $"unix:{control}", "2").WaitForEnd(SwitchProgram.Patience).Checked();
        lab.Start("port", "add", $"unix:{control}", $"3=pcap:{pipe}").WaitForEnd(SwitchProgram.Patience).Checked();
        running.Dispose();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string WriteCapture() => SmallCapture.Write(_folder, FrameCount, FrameLength);
}
