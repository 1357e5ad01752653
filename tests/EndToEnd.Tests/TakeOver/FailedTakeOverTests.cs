using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.TakeOver;

/// <summary>Processes that hang up or fall silent at each step of a take-over, beside a switch that goes on. What else they may do: HandoverTests.</summary>
public sealed class FailedTakeOverTests
{
    private const string Name = "lasting";

    // Rings of a size that stays: those that grow open sockets.
    private static readonly string[] Arguments =
        ["--port", "1=xdp:s1", "--port", "2=packet:s2,rx-slots=4096,tx-slots=2048", "--listen", CabledHosts.Listen, "--name", Name, "--fail-mode", "secure"];

    // The program and its memory that bursts leave port 2 by: there once there have been bursts.
    private const int OfBursts = 2;

    [Fact]
    public void A_taker_that_fails_at_any_step_costs_no_packet_no_descriptor_and_not_the_next_take_over()
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
                if (step is TakerStep.Loaded or TakerStep.Stopped) // at the others it is waited for without any lock, and for long
                {
                    taker.AwaitEnd();
                }
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

    /// <summary>Of a process: sockets, programs and memory.</summary>
    private static int Descriptors(RunningCommand process) =>
        Directory.GetFiles($"/proc/{process.ProcessId}/fd").Count(link =>
            new FileInfo(link).LinkTarget is { } target
            && (target.StartsWith("socket:", StringComparison.Ordinal) || target.Contains("bpf", StringComparison.Ordinal)
                || target.Contains("softswitch", StringComparison.Ordinal)));
}
