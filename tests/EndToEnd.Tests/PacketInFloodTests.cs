using System.Diagnostics;
using System.Net.Sockets;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>A controller's work while table misses flood in through a real interface.</summary>
public sealed class PacketInFloodTests : IDisposable
{
    private const int Rounds = 1000;

    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-test-").FullName;

    /// <summary>Also measures: the times are printed, not asserted (run with -showLiveOutput to see them).</summary>
    [Theory]
    [InlineData("10000")]
    [InlineData("0")]
    public void Echoes_and_flow_mods_get_through_a_flood_of_misses_from_an_interface(string rate)
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts();
        using Socket listener = PlainController.Listen(lab.Inside, 6653);
        using RunningCommand running = lab.StartSwitch("--controller", "tcp:127.0.0.1:6653", "--listen", CabledHosts.Listen, "--packet-in-rate", rate);
        using PlainController controller = PlainController.Accept(listener);
        // Host 1 floods with another switch of ours, which bridges a capture that repeats for ever to its interface.
        using RunningCommand flood = lab.Host(1).Start(
            SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", $"replay:{SmallCapture.Write(_folder, frames: 100, length: 60)}", "--port", "eth0", "--fail-mode", "standalone");
        Eventually.True(
            () =>
            {
                controller.Echo(0); // a controller that is silent for long is given up
                return ReceivedFrom1(lab) > 1000;
            },
            () => $"the flood begins: {flood.Error}{flood.Output}");

        long before = ReceivedFrom1(lab);
        long start = Stopwatch.GetTimestamp();
        long[] echoes = new long[Rounds];
        long[] changes = new long[Rounds];
        int packetIns = 0;
        for (uint i = 0; i < Rounds; i++)
        {
            long began = Stopwatch.GetTimestamp();
            packetIns += controller.Echo(i);
            echoes[i] = Stopwatch.GetTimestamp() - began;
            Thread.Sleep(1); // so that the moments vary
            began = Stopwatch.GetTimestamp();
            controller.SendFlowMod(i, command: 0, priority: (int)i, inPort: 9);
            packetIns += controller.Barrier(i);
            changes[i] = Stopwatch.GetTimestamp() - began;
        }
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        Assert.NotEqual(0, packetIns);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"limit {rate}: echo {Describe(echoes)}; flow-mod and barrier {Describe(changes)}; "
            + $"{(ReceivedFrom1(lab) - before) / seconds:0} packets and {packetIns / seconds:0} packet-ins a second");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static long ReceivedFrom1(CabledHosts lab) => CabledHosts.Number(lab.Ofctl("dump-ports", "1"), "rx pkts");

    private static string Describe(long[] ticks)
    {
        Array.Sort(ticks);
        double Milliseconds(double part) => ticks[(int)(part * (ticks.Length - 1))] * 1000.0 / Stopwatch.Frequency;
        return $"median {Milliseconds(0.5):0.00} ms, 99th percentile {Milliseconds(0.99):0.00} ms, longest {Milliseconds(1):0.00} ms";
    }
}
