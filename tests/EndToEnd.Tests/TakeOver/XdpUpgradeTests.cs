using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.TakeOver;

/// <summary>A switch on AF_XDP ports changes processes again and again, under traffic both ways.</summary>
[Trait("Ring", "all")]
public sealed class XdpUpgradeTests
{
    private const string Name = "upgraded";

    [Theory]
    [InlineData("xdp:s1", "xdp:s2", 1, 20)]
    [InlineData("xdp:s1", "packet:s2,rx-slots=4096,tx-slots=2048", 1, 6)] // rings that grow open sockets
    [InlineData("xdp:s1,queues=2", "xdp:s2,queues=2", 2, 6)]
    public void Upgrades_lose_double_and_reorder_nothing_and_leave_nothing_behind(string first, string second, int workers, int upgrades)
    {
        Needs.Xdp("ovs-ofctl", "ethtool");
        using var lab = new CabledHosts(queues: workers);
        string before = InterfacePicture.Of(lab.Inside);
        string[] arguments =
        [
            "--port", $"1={first}", "--port", $"2={second}", "--workers", $"{workers}", "--listen", CabledHosts.Listen, "--name", Name, "--fail-mode", "secure",
        ];
        RunningCommand running = lab.StartProcess(arguments);
        Footprint early = default;
        try
        {
            lab.ConnectHosts1And2();
            using UdpStream there = lab.StartStream(1, 2, 7001, 10_000);
            using UdpStream back = lab.StartStream(2, 1, 7002, 10_000);
            using var tcp = TcpStream.Start(lab.Host(1), lab.Host(2), 7003, 1_000_000);
            for (int i = 1; i <= upgrades; i++)
            {
                RunningCommand next = lab.StartProcess([.. arguments, "--take-over", Name]);
                CommandResult ended = running.WaitForEnd(SwitchProgram.Patience);
                Assert.True(ended.ExitCode == 0, $"upgrade {i}: {ended.Output}{ended.Error}");
                running.Dispose();
                running = next;
                if (i == 2)
                {
                    early = Footprint.Of(running);
                }
            }
            TcpSummary stream = tcp.Stop();
            StreamSummary[] sums = [there.Stop(), back.Stop()];
            var table = new MarkdownTable("ports", "packets", "lost", "duplicated", "reordered", "longest gap (ms)");
            foreach (StreamSummary sum in sums)
            {
                table.Add($"{first} {second}", $"{sum.Sent}", $"{sum.Lost}", $"{sum.Duplicates}", $"{sum.Reordered}", $"{sum.LongestGap.TotalMilliseconds:0.0}");
            }
            TestContext.Current.TestOutputHelper?.WriteLine($"{table}\nTCP: {stream}");
            Assert.All(sums, sum => Assert.True(sum is { Sent: > 0, Lost: 0, Duplicates: 0, Reordered: 0 }, $"{table}\n{lab.Ofctl("dump-ports")}"));
            Assert.True(stream is { Failure: null, WrongBytes: 0 }, stream.ToString());
            // A connection of before is closed when the switch comes to it.
            Eventually.True(() => Footprint.Of(running).Descriptors == early.Descriptors, () => $"{early} became {Footprint.Of(running)}");
            Footprint late = Footprint.Of(running);
            Assert.True(late.Resident < early.Resident + (48 << 10), $"{early} became {late}"); // less than another pool of frames
            long counted = CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-flows"), "in_port=1"), "n_packets");
            Assert.True(counted >= sums[0].Sent, $"{counted} packets were counted of {sums[0].Sent}");
            SwitchProgram.Terminate(running);
            Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
        }
        finally
        {
            running.Dispose();
        }
        Eventually.True(() => InterfacePicture.Of(lab.Inside) == before, () => $"{InterfacePicture.Of(lab.Inside)} instead of {before}");
    }

    /// <param name="Descriptors">Of sockets, programs and memory, each kind's number.</param>
    /// <param name="Resident">KiB.</param>
    private readonly record struct Footprint(string Descriptors, long Resident)
    {
        public static Footprint Of(RunningCommand process)
        {
            string seen = string.Empty;
            Eventually.True(() => seen == (seen = Describe(process.ProcessId)), () => $"the descriptors come to rest: {seen}");
            string resident = File.ReadLines($"/proc/{process.ProcessId}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
            return new Footprint(seen, CabledHosts.Number(resident, "VmRSS:"));
        }

        private static string Describe(int process) => string.Join(
            ' ',
            Directory.GetFiles($"/proc/{process}/fd").Select(link => new FileInfo(link).LinkTarget ?? string.Empty)
                .Select(target => target.Split(['[', ' '])[0])
                .Where(kind => kind is "socket:" or "anon_inode:bpf-map" or "anon_inode:bpf_link" || kind.StartsWith("/memfd:softswitch", StringComparison.Ordinal))
                .GroupBy(kind => kind).OrderBy(kinds => kinds.Key, StringComparer.Ordinal).Select(kinds => $"{kinds.Key}{kinds.Count()}"));
    }
}
