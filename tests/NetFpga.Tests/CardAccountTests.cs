using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Offload.Writing;
using Softswitch.NetFpga.Registers;
using Softswitch.NetFpga.Tests.Emulator;
using Softswitch.Ports.Memory;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests;

/// <summary>The account of packets adds up with a card that forwards some of them by itself.</summary>
public sealed class CardAccountTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Every_row_adds_up_after_every_step_and_what_was_sent_is_on_the_wires(int seed)
    {
        Random random = new(seed);
        using DatapathControl control = new(new DatapathOptions { FrameCount = 4096, MaxExactEntries = 1024 });
        MemoryPort[] wires = AddCard(control, out EmulatedCard card);
        long[] collected = new long[4];
        for (int step = 0; step < 1500; step++)
        {
            int wire = random.Next(4);
            switch (random.Next(16))
            {
                case 0:
                    FlowMod mod = TestSwitch.Flow(FlowMatch.Any);
                    mod.Actions = new[] { FlowAction.Output((ushort)random.Next(1, 7)), FlowAction.Output(random.Next(2) == 0 ? PortNumber.Flood : PortNumber.InPort) };
                    Assert.Equal(ControlError.None, control.Apply(mod));
                    break;
                case 1:
                    WriteRow(card, (uint)(random.Next(256) & (random.Next(4) == 0 ? 0xff : 0x55))); // the even bits are wires, the others the host's queues
                    break;
                case < 7:
                    wires[wire].TryInject(TestPacket.Udp(payload: random.Next(random.Next(3) == 0 ? 2200 : 1400)));
                    break;
                case < 9:
                    collected[wire] += wires[wire].Collect().Count;
                    break;
                default:
                    control.Workers[0].PollOnce();
                    control.Service();
                    break;
            }
            AccountSnapshot reading = control.Accounts.Read();
            for (int port = 0; port < 4; port++)
            {
                AccountRow row = reading.Find(port + 1)!;
                Assert.True(row.Unaccounted == 0 && row.Held >= 0, $"seed {seed}, step {step}: port {port + 1}: {row.Unaccounted} unaccounted");
                long sent = collected[port] + wires[port].PendingCollect;
                Assert.True(row.Sent == sent, $"seed {seed}, step {step}: port {port + 1} sent {row.Sent}, {sent} are on the wire");
            }
        }
        AccountSnapshot last = control.Accounts.Read();
        Assert.True(last.Rows.Sum(row => row.Made) > 300, "the card sent packets by itself");
        Assert.True(last.Rows.Sum(row => row.SendDrops(DropReason.DeviceDropped) + row.SendDrops(DropReason.TooLong)) > 0, "and lost some");
    }

    [Fact]
    public void What_a_card_forwards_by_itself_is_used_where_it_came_in_and_made_where_it_leaves()
    {
        using DatapathControl control = new(new DatapathOptions { FrameCount = 4096, MaxExactEntries = 1024 });
        MemoryPort[] wires = AddCard(control, out EmulatedCard card);
        WriteRow(card, 0x04);
        for (int i = 0; i < 10; i++)
        {
            Assert.True(wires[0].TryInject(TestPacket.Tcp()));
        }
        control.Workers[0].PollOnce();
        AccountSnapshot reading = control.Accounts.Read();
        (AccountRow first, AccountRow second) = (reading.Find(1)!, reading.Find(2)!);
        Assert.Equal((10, 10, 0), (first.Received, first.Used, first.Unaccounted));
        Assert.Equal((10, 10, 0), (second.Made, second.Sent, second.Unaccounted));
        Assert.Equal(10, wires[1].PendingCollect);
    }

    private static MemoryPort[] AddCard(DatapathControl control, out EmulatedCard card)
    {
        MemoryPort[] wires = [.. Enumerable.Range(0, 4).Select(port => new MemoryPort($"wire{port}", control.Frames, capacity: 64, takesOffloads: true))];
        card = new EmulatedCard();
        EmulatedCardDevice cardDevice = new(card);
        CardStart.Run(card, CardLayout.V10, TimeSpan.Zero);
        for (int port = 0; port < 4; port++)
        {
            CardPortDevice device = new(new EmulatedNetdev(cardDevice, port, wires[port], $"nf2c{port}", control.Frames), card, port);
            Assert.Equal(ControlError.None, control.Ports.Add((ushort)(port + 1), device));
        }
        return wires;
    }

    private static void WriteRow(EmulatedCard card, uint destinations) => new CardBench(card).WriteRow(0, CardBench.Action(destinations));
}
