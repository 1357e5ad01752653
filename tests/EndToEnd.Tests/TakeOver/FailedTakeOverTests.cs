using System.Text;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.TakeOver;

/// <summary>Takers that fail, lie or fall silent at each step, beside a switch that goes on.</summary>
public sealed class FailedTakeOverTests
{
    private const string Name = "lasting";

    // Rings of a size that stays: those that grow open sockets.
    private static readonly string[] Arguments =
        ["--port", "1=xdp:s1", "--port", "2=packet:s2,rx-slots=4096,tx-slots=2048", "--listen", CabledHosts.Listen, "--name", Name, "--fail-mode", "secure"];

    // The program and its memory that bursts leave port 2 by: there once there have been bursts.
    private const int OfBursts = 2;

    [Theory]
    [InlineData("hangs up", Traits = ["Ring", "all"])]
    [InlineData("sends garbage", Traits = ["Ring", "all"])]
    [InlineData("claims a message of 2 GiB")]
    [InlineData("falls silent")]
    public void A_taker_that_fails_at_any_step_costs_no_packet_no_descriptor_and_not_the_next_take_over(string way)
    {
        Needs.Xdp("ovs-ofctl");
        using var lab = new CabledHosts();
        using RunningCommand running = lab.StartProcess(Arguments);
        lab.ConnectHosts1And2();
        string path = Path.Combine(Hosting.Configuration.ControlSockets.Folder!, $"{Name}.sock");
        using UdpStream there = lab.StartStream(1, 2, 7001, 10_000);
        using UdpStream back = lab.StartStream(2, 1, 7002, 10_000);
        int before = Descriptors(running);
        foreach (TakerStep step in Enum.GetValues<TakerStep>())
        {
            using (FailingTaker taker = FailingTaker.Reach(path, step))
            {
                Fail(taker, step, way);
            }
            // What it held is given back: commands are answered, and so are controllers.
            Assert.Contains("n_packets", lab.Ofctl("dump-flows"), StringComparison.Ordinal);
            lab.Ofctl("mod-flows", "in_port=1,actions=output:2");
        }
        using RunningCommand next = lab.StartProcess([.. Arguments, "--take-over", Name]);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
        Eventually.True(() => Descriptors(next) <= before + OfBursts, () => $"{before} descriptors became {Descriptors(next)}");
        CabledHosts.AssertAllCame(there, () => lab.Ofctl("dump-ports"));
        CabledHosts.AssertAllCame(back, () => lab.Ofctl("dump-ports"));
        SwitchProgram.Terminate(next);
        Assert.Equal(0, next.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    private static void Fail(FailingTaker taker, TakerStep step, string way)
    {
        switch (way)
        {
            case "sends garbage":
                taker.SendGarbage(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("take-over \u0001 garbage\n", 1000))));
                break;
            case "claims a message of 2 GiB":
                taker.SendGarbage([3, 0xff, 0xff, 0xff, 0x7f, (byte)'\n']);
                break;
            case "falls silent" when step is TakerStep.Loaded or TakerStep.Stopped: // the others are waited for without any lock, and for long
                taker.AwaitEnd();
                break;
        }
    }

    /// <summary>Of a process: sockets, programs and memory.</summary>
    private static int Descriptors(RunningCommand process) =>
        Directory.GetFiles($"/proc/{process.ProcessId}/fd").Count(link =>
            new FileInfo(link).LinkTarget is { } target
            && (target.StartsWith("socket:", StringComparison.Ordinal) || target.Contains("bpf", StringComparison.Ordinal)
                || target.Contains("softswitch", StringComparison.Ordinal)));
}
