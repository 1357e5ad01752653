using System.Net.Sockets;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>A controller's work while table misses flood in through a real interface.</summary>
public sealed class PacketInFloodTests : IDisposable
{
    private const int Rounds = 200;

    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-test-").FullName;

    [Theory]
    [InlineData("10000")]
    [InlineData("0")]
    public void Echoes_and_flow_mods_get_through_a_flood_of_misses_from_an_interface(string rate)
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts();
        using Socket listener = PlainController.Listen(lab.Inside, 6653);
        using HostedSwitch running = lab.StartSwitch("--controller", "tcp:127.0.0.1:6653", "--listen", CabledHosts.Listen, "--packet-in-rate", rate);
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

        int packetIns = 0;
        for (uint i = 0; i < Rounds; i++)
        {
            packetIns += controller.Echo(i);
            controller.SendFlowMod(i, command: 0, priority: (int)i, inPort: 9);
            packetIns += controller.Barrier(i);
        }
        Assert.NotEqual(0, packetIns);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static long ReceivedFrom1(CabledHosts lab) => CabledHosts.Number(lab.Ofctl("dump-ports", "1"), "rx pkts");
}
