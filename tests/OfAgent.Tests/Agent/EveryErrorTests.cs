using System.Buffers.Binary;
using System.Reflection;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Every error type and code of OpenFlow 1.0.0 §5.4.4 that the switch sends, provoked over a socket; and why it never sends the others.</summary>
public sealed class EveryErrorTests : AgentTest
{
    private const int WildcardEntries = 2;
    private const ushort Missing = 77;

    /// <summary>What brings each error about.</summary>
    private static readonly Dictionary<string, Action<AgentHarness, RawController>> Causes = new()
    {
        ["OFPHFC_INCOMPATIBLE"] = (harness, _) => throw new NotSupportedException("on a connection of its own: HandshakeTests"),
        ["OFPBRC_BAD_VERSION"] = (_, c) => c.SendHex("04 02 00 08 00 00 00 01"),
        ["OFPBRC_BAD_TYPE"] = (_, c) => c.SendHex("01 16 00 08 00 00 00 01"),
        ["OFPBRC_BAD_STAT"] = (_, c) => c.Send(b => StatsMessage.WriteRequest(b, 1, (OfStatsType)6)),
        ["OFPBRC_BAD_VENDOR"] = (_, c) => c.Send(b => VendorMessage.Write(b, 1, 0x00abcdef, [1, 2, 3, 4])),
        ["OFPBRC_BAD_SUBTYPE"] = (_, c) => c.Send(b => VendorMessage.Write(b, 1, VendorMessage.Nicira, [0, 0, 0, 99])),
        ["OFPBRC_EPERM"] = (_, c) => c.Send(b => NiciraFormatMessage.WriteRequest(b, 1, NiciraFormatMessage.FlowFormatSubtype, 2)),
        ["OFPBRC_BAD_LEN"] = (_, c) => c.SendHex("01 12 00 0c 00 00 00 01 00 00 00 00"),
        ["OFPBRC_BUFFER_EMPTY"] = UseBufferTwice,
        ["OFPBRC_BUFFER_UNKNOWN"] = (_, c) => c.Send(b => PacketOutMessage.Write(b, 1, new PacketOut { BufferId = 0xfffffff0 })),
        ["OFPBAC_BAD_TYPE"] = (_, c) => c.SendBytes(FlowModWith("00 0c 00 08 00 00 00 00")),
        ["OFPBAC_BAD_LEN"] = (_, c) => c.SendBytes(FlowModWith("00 00 00 10 00 01 00 00 00 00 00 00 00 00 00 00")),
        ["OFPBAC_BAD_VENDOR"] = (_, c) => c.SendBytes(FlowModWith("ff ff 00 10 00 ab cd ef 00 01 00 02 00 00 00 00")),
        ["OFPBAC_BAD_VENDOR_TYPE"] = (_, c) => c.SendBytes(FlowModWith("ff ff 00 10 00 00 23 20 00 01 00 02 00 00 00 00")),
        ["OFPBAC_BAD_OUT_PORT"] = (_, c) => c.Send(b => FlowTableTests.WriteAdd(b, 1, FlowMatch.Any, 1, FlowAction.Output(0))),
        ["OFPBAC_BAD_ARGUMENT"] = (_, c) => c.Send(b => FlowTableTests.WriteAdd(b, 1, FlowMatch.Any, 1, FlowAction.SetVlanVid(0x1000))),
        ["OFPBAC_TOO_MANY"] = (_, c) => c.SendBytes(FlowModWith(string.Concat(Enumerable.Repeat("0000000800010000", 8180)))),
        ["OFPBAC_BAD_QUEUE"] = (_, c) => c.Send(b => FlowTableTests.WriteAdd(b, 1, FlowMatch.Any, 1, FlowAction.Enqueue(1, QueueStatsMessage.AllQueues))),
        ["OFPFMFC_ALL_TABLES_FULL"] = (_, c) => c.Send(b =>
        {
            for (ushort priority = 1; priority <= WildcardEntries + 1; priority++)
            {
                FlowTableTests.WriteAdd(b, 1, FlowMatch.Any, priority);
            }
        }),
        ["OFPFMFC_OVERLAP"] = (_, c) => c.Send(b =>
        {
            FlowTableTests.WriteAdd(b, 1, FlowMatch.Any, 1);
            FlowMatch narrower = FlowMatch.Any with { InPort = 1, Wildcards = FlowWildcards.All & ~FlowWildcards.InPort };
            FlowModMessage.Write(b, 2, new FlowMod { Match = narrower, Priority = 1, Flags = FlowModFlags.CheckOverlap });
        }),
        ["OFPFMFC_BAD_EMERG_TIMEOUT"] = (_, c) => c.Send(b => FlowModMessage.Write(
            b, 1, new FlowMod { Match = FlowMatch.Any, Flags = FlowModFlags.Emergency, IdleTimeoutSeconds = 1 })),
        ["OFPFMFC_BAD_COMMAND"] = (_, c) => c.Send(b => FlowModMessage.Write(b, 1, new FlowMod { Match = FlowMatch.Any, Command = (FlowModCommand)5 })),
        ["OFPPMFC_BAD_PORT"] = (_, c) => c.Send(b => PortModMessage.Write(b, 1, new PortMod(Missing, default, default, default, default))),
        ["OFPPMFC_BAD_HW_ADDR"] = (_, c) => c.Send(b => PortModMessage.Write(b, 1, new PortMod(1, default, default, default, default))),
        ["OFPQOFC_BAD_PORT"] = (_, c) => c.Send(b => QueueConfigMessage.WriteRequest(b, 1, Missing)),
        ["OFPQOFC_BAD_QUEUE"] = (_, c) => c.Send(b => QueueStatsMessage.WriteRequest(b, 1, 1, Missing)),
    };

    /// <summary>Why the switch never sends it.</summary>
    private static readonly Dictionary<string, string> Never = new()
    {
        ["OFPHFC_EPERM"] = "whoever may connect may speak; TLS and the socket's file say who may",
        ["OFPBAC_EPERM"] = "whoever may send flow-mods may use every action",
        ["OFPFMFC_EPERM"] = "a slave's flow-mod is OFPBRC_EPERM, as in Open vSwitch",
        ["OFPFMFC_UNSUPPORTED"] = "every list of actions is executed in the order given",
        ["OFPQOFC_EPERM"] = "whoever may connect may ask for queues",
    };

    public EveryErrorTests()
        : base(new DatapathOptions { MaxWildcardEntries = WildcardEntries, BufferCount = 16 })
    {
    }

    public static TheoryData<string> Provoked => [.. Causes.Keys.Where(name => name != "OFPHFC_INCOMPATIBLE")];

    [Theory]
    [MemberData(nameof(Provoked))]
    public void Every_error_is_sent_for_its_cause_and_the_session_goes_on(string name)
    {
        Causes[name](Harness, Controller);

        Assert.Equal(name, Controller.ReadError().Name);
        Assert.Empty(Controller.Barrier());
    }

    [Fact]
    public void Every_error_of_the_specification_is_provoked_or_never_sent_with_a_reason()
    {
        string[] all = [.. typeof(OfError)
            .GetProperties(BindingFlags.Public | BindingFlags.Static)
            .Where(p => p.PropertyType == typeof(OfError))
            .Select(p => ((OfError)p.GetValue(null)!).Name)];

        Assert.Equal(31, all.Length);
        Assert.Equal(all.Order(StringComparer.Ordinal), Causes.Keys.Concat(Never.Keys).Order(StringComparer.Ordinal));
    }

    private static void UseBufferTwice(AgentHarness harness, RawController controller)
    {
        controller.Configure();
        harness.Ports[1].TryInject(TestPacket.Icmp());
        uint buffer = controller.ReadPacketIn().BufferId;
        controller.Send(b =>
        {
            PacketOutMessage.Write(b, 1, new PacketOut { BufferId = buffer });
            PacketOutMessage.Write(b, 2, new PacketOut { BufferId = buffer });
        });
    }

    /// <summary>A flow-mod with these bytes where its actions stand.</summary>
    private static byte[] FlowModWith(string actions)
    {
        OfBuffer buffer = new();
        FlowTableTests.WriteAdd(buffer, 1, FlowMatch.Any, 1);
        byte[] bytes = [.. buffer.Written, .. Convert.FromHexString(actions.Replace(" ", "", StringComparison.Ordinal))];
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)bytes.Length);
        return bytes;
    }
}
