using Softswitch.Datapath.Control;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>A table-miss flood at full speed beside a controller's work.</summary>
public sealed class PacketInFloodTests
{
    private const int Rounds = 500;

    [Theory]
    [InlineData(10_000)]
    [InlineData(0)]
    public void Echoes_and_flow_mods_get_through(int rate)
    {
        byte[] frame = TestPacket.Udp();
        using AgentHarness harness = new(null, new DatapathOptions { DatapathId = 0x42, PacketInRate = rate });
        using RawController controller = harness.Connect();
        controller.Configure();
        using CancellationTokenSource stop = new();
        Thread flooder = new(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                if (!harness.Ports[1].TryInject(frame))
                {
                    Thread.Yield();
                }
            }
        });
        flooder.Start();
        int flooded = 0;
        try
        {
            for (int i = 0; i < Rounds || flooded == 0; i++)
            {
                controller.Send(b => EchoMessage.WriteRequest(b, (uint)i));
                flooded += PassPacketIns(controller, OfType.EchoReply);
                controller.Send(b => FlowTableTests.WriteAdd(b, (uint)i, FlowTableTests.InPort(9), (ushort)((i % Rounds) + 1)));
                controller.Send(b => BarrierMessage.WriteRequest(b, (uint)i));
                flooded += PassPacketIns(controller, OfType.BarrierReply);
            }
        }
        finally
        {
            stop.Cancel();
            flooder.Join();
        }
        Assert.Equal((uint)Rounds, harness.Control.ReadTable(1).ActiveCount);
    }

    /// <summary>Reads up to a message of this type.</summary>
    /// <returns>How many packet-ins came before it.</returns>
    private static int PassPacketIns(RawController controller, OfType awaited)
    {
        for (int count = 0; ; count++)
        {
            byte[] message = controller.Read();
            if (RawController.TypeOf(message) == awaited)
            {
                return count;
            }
            Assert.Equal(OfType.PacketIn, RawController.TypeOf(message));
        }
    }
}
