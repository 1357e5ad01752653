using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Tests.Agent;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.Fuzz.Tests.Targets;

/// <summary>What one controller sends. Another is answered afterwards, every table dumps whole and within its limits, and nothing is left when the entries are gone.</summary>
internal sealed class OpenFlowTarget : IFuzzTarget
{
    private const int MaxMessages = 24;
    private const int EmergencyEntries = 8;
    private const long ActionMemory = 1 << 18;

    // Beyond the limit, for packet-outs under way: docs/threads.md.
    private const long PacketOutReserve = 4 << 20;

    private readonly FlowAction[] _actions = new FlowAction[OfActions.MaxCount];

    public string Name => "openflow";

    public byte[] Generate(Random random) => [.. Enumerable.Range(0, random.Next(1, MaxMessages)).SelectMany(_ => MadeUpMessages.Next(random))];

    public IReadOnlyList<byte[]> Split(byte[] input) => MadeUpMessages.Split(input);

    public void Check(byte[] input)
    {
        DatapathOptions options = new()
        {
            DatapathId = 0x42,
            MaxWildcardEntries = 16,
            MaxEmergencyEntries = EmergencyEntries,
            BufferCount = 8,
            LargeFrameCount = 8,
            ActionMemory = ActionMemory,
        };
        using AgentHarness harness = new(null, options);
        // Packets in buffers, for messages that name one.
        for (int i = 0; i < 4; i++)
        {
            harness.Ports[1].TryInject(TestPacket.Tcp(srcPort: (ushort)i));
        }
        Send(harness, input);

        using RawController other = harness.Connect();
        byte[] asked = [1, 2, 3, 4, 5, 6, 7, 8];
        other.Send(buffer => EchoMessage.WriteRequest(buffer, 7, asked));
        Assert.Equal(asked, EchoMessage.BodyOf(ReadReply(other, OfType.EchoReply)));
        CheckTables(other, options);
        using (harness.Control.Enter())
        {
            Assert.InRange(harness.Control.ActionLists.UsedBytes, 0, ActionMemory + PacketOutReserve);
        }
        DeleteAll(other, FlowModFlags.None);
        DeleteAll(other, FlowModFlags.Emergency);
        other.Barrier();
        CheckNothingIsLeft(harness);
    }

    private static void Send(AgentHarness harness, byte[] input)
    {
        using RawController peer = harness.Connect();
        try
        {
            peer.SendBytes(input);
            peer.Socket.Shutdown(SocketShutdown.Send);
            while (peer.TryRead() != null)
            {
                // Its replies; at the end the switch closes, so all has been looked at.
            }
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown or SocketError.NotConnected)
        {
            // The switch hung up on what is no message.
        }
    }

    private void CheckTables(RawController controller, DatapathOptions options)
    {
        int normal = Dump(controller, FlowFilter.AllTables);
        Assert.InRange(Dump(controller, FlowFilter.EmergencyTable), 0, EmergencyEntries);
        controller.Send(buffer => StatsMessage.WriteRequest(buffer, 8, OfStatsType.Table));
        ReadOnlySpan<byte> body = ReadStats(controller, out _);
        uint counted = 0;
        while (TableStatsMessage.TryReadEntry(ref body, out TableStatistics table))
        {
            Assert.True(table.ActiveCount <= table.MaxEntries, $"{table.ActiveCount} entries in a table for {table.MaxEntries}");
            counted += table.ActiveCount;
        }
        Assert.Equal(0, body.Length);
        Assert.Equal((uint)normal, counted);
    }

    /// <returns>How many entries there are.</returns>
    private int Dump(RawController controller, byte table)
    {
        controller.Send(buffer => FlowStatsMessage.WriteRequest(buffer, 9, new FlowFilter(FlowMatch.Any, table)));
        int count = 0;
        bool more;
        do
        {
            ReadOnlySpan<byte> body = ReadStats(controller, out more);
            while (FlowStatsMessage.TryReadEntry(ref body, _actions, out FlowStatistics flow))
            {
                Assert.Equal(ControlError.None, ActionValidator.Validate(flow.Actions, forPacketOut: false));
                count++;
            }
            Assert.Equal(0, body.Length);
        }
        while (more);
        return count;
    }

    private static ReadOnlySpan<byte> ReadStats(RawController controller, out bool more)
    {
        Assert.True(StatsMessage.TryDecode(ReadReply(controller, OfType.StatsReply), out _, out ushort flags, out ReadOnlySpan<byte> body, out _));
        more = flags == StatsMessage.ReplyMore;
        return body;
    }

    /// <summary>Passes over what the switch says unasked.</summary>
    private static byte[] ReadReply(RawController controller, OfType type)
    {
        while (true)
        {
            byte[] message = controller.Read();
            Assert.NotEqual(OfType.Error, RawController.TypeOf(message));
            if (RawController.TypeOf(message) == type)
            {
                return message;
            }
        }
    }

    private static void DeleteAll(RawController controller, FlowModFlags flags) =>
        controller.Send(buffer => FlowModMessage.Write(buffer, 10, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any, Flags = flags }));

    private static void CheckNothingIsLeft(AgentHarness harness)
    {
        DatapathControl control = harness.Control;
        int all = control.Frames.FrameCount + control.Frames.LargeFrameCount;
        int lists = 0;
        int frames = 0;
        Eventually.Polled(IsAtRest, () => $"{lists} action lists are left, and {frames} of {all} frames"); // packets may be on their way still

        bool IsAtRest()
        {
            using (control.Enter())
            {
                lists = control.ActionLists.ListCount;
                frames = control.RestingFrameCount + harness.Ports.Values.Sum(port => port.PendingReceive + port.PendingCollect + port.FarFrames.FreeCount);
            }
            return lists == 0 && frames == all;
        }
    }
}
