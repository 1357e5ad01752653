using System.Buffers.Binary;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Tests.Text;
using Softswitch.OfAgent.Tests.Wire;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.Fuzz.Tests.Targets;

/// <summary>OpenFlow messages: those of the message files, and requests whose every field is chosen anew; some of them damaged.</summary>
internal static class MadeUpMessages
{
    private const int LongList = 2000;

    private static readonly byte[][] Written = [.. MessageFiles.All.Select(message => message.Bytes).Where(bytes => bytes.Length >= OfHeader.Size)];

    /// <summary>One message, whose length field tells its length but for one of some hundred.</summary>
    public static byte[] Next(Random random)
    {
        byte[] message = random.Next(3) == 0 ? Written[random.Next(Written.Length)] : Request(random);
        switch (random.Next(4))
        {
            case 0:
                message = Mutation.Overwrite(message, random, from: OfHeader.Size);
                break;
            case 1:
                message = [.. message[..4], .. Mutation.Change(message[4..], random)];
                break;
            default:
                break;
        }
        if (message.Length >= OfHeader.Size && random.Next(300) != 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)message.Length);
        }
        return message;
    }

    /// <summary>Messages by their length fields; what is no message is the last piece.</summary>
    public static IReadOnlyList<byte[]> Split(byte[] input)
    {
        List<byte[]> messages = [];
        int at = 0;
        while (at + OfHeader.Size <= input.Length)
        {
            int end = at + BinaryPrimitives.ReadUInt16BigEndian(input.AsSpan(at + 2));
            if (end < at + OfHeader.Size || end > input.Length)
            {
                break;
            }
            messages.Add(input[at..end]);
            at = end;
        }
        return at == input.Length ? messages : [.. messages, input[at..]];
    }

    private static byte[] Request(Random random)
    {
        OfBuffer buffer = new();
        uint xid = (uint)random.Next();
        switch (random.Next(12))
        {
            case 0 or 1 or 2 or 3 or 4:
                WriteFlowMod(buffer, xid, random);
                break;
            case 5 or 6:
                PacketOutMessage.Write(buffer, xid, new PacketOut
                {
                    BufferId = random.Next(2) == 0 ? FlowMod.NoBuffer : BufferId(random),
                    InPort = Port(random),
                    Actions = Actions(random),
                    Data = random.Next(4) == 0 ? [] : new RandomMatches(random.Next()).NextFrame(),
                });
                break;
            case 7:
                FlowFilter filter = new(new RandomMatches(random.Next()).NextMatch(), (byte)Mutation.Edge(random), Port(random));
                if (random.Next(2) == 0)
                {
                    FlowStatsMessage.WriteRequest(buffer, xid, filter);
                }
                else
                {
                    AggregateStatsMessage.WriteRequest(buffer, xid, filter);
                }
                break;
            case 8:
                PortModMessage.Write(buffer, xid, new PortMod(
                    Port(random), new(0x0200_0000_ff00UL + (uint)random.Next(4)), (PortConfig)random.Next(128), (PortConfig)random.Next(128), default));
                break;
            case 9:
                ConfigMessage.WriteSet(buffer, xid, new SwitchConfig((OfConfigFlags)random.Next(5), (ushort)Mutation.Edge(random)));
                break;
            case 10:
                RoleMessage.WriteRequest(buffer, xid, (ControllerRole)random.Next(4));
                break;
            default:
                BarrierMessage.WriteRequest(buffer, xid);
                break;
        }
        return buffer.Written.ToArray();
    }

    private static void WriteFlowMod(OfBuffer buffer, uint xid, Random random) => FlowModMessage.Write(buffer, xid, new FlowMod
    {
        Command = (FlowModCommand)random.Next(random.Next(8) == 0 ? 6 : 5),
        Match = random.Next(2) == 0 ? new RandomMatches(random.Next()).NextMatch() : new RandomFlows(random.Next()).Match(),
        Cookie = (ulong)random.NextInt64(),
        IdleTimeoutSeconds = random.Next(2) == 0 ? (ushort)0 : (ushort)Mutation.Edge(random),
        HardTimeoutSeconds = random.Next(2) == 0 ? (ushort)0 : (ushort)Mutation.Edge(random),
        Priority = (ushort)random.Next(random.Next(2) == 0 ? 4 : 65536),
        BufferId = random.Next(2) == 0 ? FlowMod.NoBuffer : BufferId(random),
        OutPort = random.Next(2) == 0 ? PortNumber.None : Port(random),
        Flags = (FlowModFlags)random.Next(8),
        Actions = Actions(random),
    });

    private static FlowAction[] Actions(Random random)
    {
        FlowAction[] actions = new RandomFlows(random.Next()).Actions();
        return random.Next(30) != 0 || actions.Length == 0
            ? actions
            : [.. Enumerable.Range(0, random.Next(LongList)).Select(i => actions[i % actions.Length])];
    }

    private static uint BufferId(Random random) => random.Next(4) == 0 ? Mutation.Edge(random) : (uint)random.Next(8);

    private static ushort Port(Random random) => random.Next(2) == 0 ? (ushort)random.Next(4) : (ushort)(0xfff0 + random.Next(16));
}
