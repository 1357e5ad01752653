using System.Diagnostics;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>A table-miss flood at full speed beside a controller's work.</summary>
public sealed class PacketInFloodTests
{
    private const int Rounds = 5000;

    // Rounds take some 40 us: one packet in so many stays far below the port's share of the limit.
    private const int RoundsPerPacket = 20;

    /// <summary>Also measures: the times are printed, not asserted (run with -showLiveOutput to see them).</summary>
    [Theory]
    [InlineData(10_000)]
    [InlineData(0)]
    public void Echoes_flow_mods_and_another_ports_packets_get_through(int rate)
    {
        byte[] flood = TestPacket.Udp();
        byte[] other = TestPacket.Icmp();
        using AgentHarness harness = new(null, new DatapathOptions { DatapathId = 0x42, PacketInRate = rate });
        using RawController controller = harness.Connect();
        controller.Send(b => ConfigMessage.WriteSet(b, 1, new SwitchConfig(OfConfigFlags.FragmentsNormal, 128)));
        controller.Barrier();
        using CancellationTokenSource stop = new();
        Thread flooder = new(() => Flood(harness, flood, stop.Token));
        flooder.Start();
        int fromOther = 0;
        long[] echoes = new long[Rounds];
        long[] changes = new long[Rounds];
        try
        {
            for (int i = 0; i < Rounds; i++)
            {
                if (i % RoundsPerPacket == 0)
                {
                    SpinWait.SpinUntil(() => harness.Ports[2].TryInject(other)); // the flood may hold all frames for a moment
                }
                long start = Stopwatch.GetTimestamp();
                controller.Send(b => EchoMessage.WriteRequest(b, (uint)i));
                fromOther += PassPacketIns(controller, OfType.EchoReply);
                echoes[i] = Stopwatch.GetTimestamp() - start;
                start = Stopwatch.GetTimestamp();
                controller.Send(b =>
                {
                    FlowMatch match = FlowMatch.Any;
                    match.InPort = 9;
                    match.Wildcards &= ~FlowWildcards.InPort;
                    FlowTableTests.WriteAdd(b, (uint)i, match, (ushort)(i + 1));
                    BarrierMessage.WriteRequest(b, (uint)i);
                });
                fromOther += PassPacketIns(controller, OfType.BarrierReply);
                changes[i] = Stopwatch.GetTimestamp() - start;
            }
        }
        finally
        {
            stop.Cancel();
            flooder.Join();
        }
        // Without a limit the controller, slower than the flood, loses packets on its own connection: which, is not ours to say.
        while (rate > 0 && fromOther + harness.Agent.ReadConnections().Sum(c => c.DroppedPacketIns) < Rounds / RoundsPerPacket)
        {
            fromOther += OtherPort(controller.Read()) ? 1 : 0;
        }

        Assert.Equal((uint)Rounds, harness.Control.ReadTable(1).ActiveCount);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"rate {rate}: echo {Describe(echoes)}; flow-mod and barrier {Describe(changes)}; "
            + $"dropped {harness.Control.ReadDrops(Datapath.Packets.DropReason.PacketInLimit)} by the limit, "
            + $"{harness.Control.ReadDrops(Datapath.Packets.DropReason.PacketInQueueFull)} by full queues");
    }

    private static void Flood(AgentHarness harness, byte[] frame, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            if (!harness.Ports[1].TryInject(frame))
            {
                Thread.Yield();
            }
        }
    }

    /// <summary>Reads up to a message of this type.</summary>
    /// <returns>How many packet-ins of port 2 came before it.</returns>
    private static int PassPacketIns(RawController controller, OfType awaited)
    {
        int count = 0;
        while (true)
        {
            byte[] message = controller.Read();
            if (RawController.TypeOf(message) == awaited)
            {
                return count;
            }
            Assert.Equal(OfType.PacketIn, RawController.TypeOf(message));
            count += OtherPort(message) ? 1 : 0;
        }
    }

    private static bool OtherPort(byte[] message) =>
        PacketInMessage.TryDecode(message, out ReceivedPacketIn packetIn, out _) && packetIn.InPort == 2;

    private static string Describe(long[] ticks)
    {
        Array.Sort(ticks);
        double Milliseconds(double part) => ticks[(int)(part * (ticks.Length - 1))] * 1000.0 / Stopwatch.Frequency;
        return $"median {Milliseconds(0.5):0.00} ms, 99th percentile {Milliseconds(0.99):0.00} ms, longest {Milliseconds(1):0.00} ms";
    }
}
