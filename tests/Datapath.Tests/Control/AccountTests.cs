using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tests.Pipeline;
using Softswitch.Ports.Memory;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>Received + made here = sent + used + held + drops: for every row and for the switch, whatever happens.</summary>
public sealed class AccountTests
{
    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(2, 1, false)]
    [InlineData(3, 2, false)]
    [InlineData(4, 3, false)]
    [InlineData(5, 3, false)]
    [InlineData(6, 2, true)]
    [InlineData(7, 1, true)]
    public void Every_row_adds_up_after_every_step_whatever_is_done(int seed, int workers, bool hasSpanningTree)
    {
        using RandomSwitch sut = new(seed, workers, hasSpanningTree);
        for (int step = 0; step < 1500; step++)
        {
            sut.Step();
            if (step % 8 == 0)
            {
                sut.Check($"seed {seed}, step {step}");
            }
        }
        sut.Settle();
        sut.Check($"seed {seed}, at the end");
        sut.AssertItWasWorthWhile();
    }

    [Theory]
    [InlineData(11, 2, false)]
    [InlineData(12, 3, true)]
    public void Every_row_adds_up_at_any_moment_while_workers_run_at_full_speed(int seed, int workers, bool hasSpanningTree)
    {
        using RandomSwitch sut = new(seed, workers, hasSpanningTree);
        using (new RunningWorkers(sut.Control))
        {
            Eventually.True(() => sut.Control.Workers.All(worker => worker.IsRunning), "the workers run");
            for (int step = 0; step < 1500; step++)
            {
                sut.Step();
                if (step % 4 == 0)
                {
                    sut.CheckRows($"seed {seed}, step {step}");
                }
            }
        }
        sut.Settle();
        sut.Check($"seed {seed}, at the end");
        sut.AssertItWasWorthWhile();
    }

    /// <summary>Else it would be taken before the one's copy was made and handed over after the other's.</summary>
    [Fact]
    public void A_worker_that_has_not_copied_its_accounts_takes_nothing_from_one_that_has()
    {
        using TestSwitch sut = new(ports: 1, new DatapathOptions { Workers = 2 });
        IReadOnlyList<Worker> workers = sut.Control.Workers;
        using HookedPort device = new(new MemoryPort("hooked", sut.Control.Frames));
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(2, device));
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        sut.Settle();
        Assert.True(sut[1].TryInject(TestPacket.Tcp()));
        device.OnReceive = () =>
        {
            sut.Control.Accounts.Read(); // in the middle of the pass of worker 1, all workers are to copy
            workers[0].PollOnce(); // does, and hands a packet over
        };
        workers[1].PollOnce();
        Assert.Empty(device.Inner.Collect());
        device.OnReceive = null;
        workers[1].PollOnce();
        Assert.Single(device.Inner.Collect());
    }

    [Fact]
    public void Packets_between_two_workers_are_held_and_nothing_else()
    {
        using TestSwitch sut = new(ports: 2, new DatapathOptions { Workers = 2 });
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        Assert.True(sut[1].TryInject(TestPacket.Tcp()));
        sut.Control.Workers[0].PollOnce();
        AccountSnapshot reading = sut.Control.Accounts.Read();
        Assert.Equal((1, 1, 0, 0), Egress(reading));
        sut.Control.Workers[1].PollOnce();
        reading = sut.Control.Accounts.Read();
        Assert.Equal((1, 0, 1, 0), Egress(reading));
        Assert.Equal((1, 1), (reading.Find(1)!.Received, reading.Find(1)!.Forwarded));

        static (long, long, long, long) Egress(AccountSnapshot reading)
        {
            AccountRow row = reading.Find(2)!;
            return (row.Output, row.Held, row.Sent, row.Unaccounted);
        }
    }

    [Fact]
    public void What_was_for_a_port_that_went_is_in_the_row_of_such_ports()
    {
        using TestSwitch sut = new(ports: 2, new DatapathOptions { Workers = 2 });
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        sut.Send(1, TestPacket.Tcp(), TestPacket.Tcp());
        Assert.True(sut[1].TryInject(TestPacket.Tcp()));
        sut.Control.Workers[0].PollOnce(); // the third is on its way
        Assert.Equal(ControlError.None, sut.Control.Ports.Remove(2));
        sut.AddPort(2);
        sut.Settle();
        AccountSnapshot reading = sut.Control.Accounts.Read();
        AccountRow gone = reading.Row(AccountKind.Gone);
        Assert.Equal((3, 2, 1, 0, 0), (gone.Output, gone.Sent, gone.SendDrops(DropReason.NoSuchPort), gone.Held, gone.Unaccounted));
        Assert.Equal((0, 0), (reading.Find(2)!.Output, reading.Find(2)!.Sent)); // another port of that number
    }

    [Fact]
    public void A_datagram_in_the_making_is_held_and_then_its_fragments_are_used()
    {
        using TestSwitch sut = new(ports: 2);
        sut.Control.Pipeline.FragmentHandling = FragmentHandling.Reassemble;
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        List<byte[]> fragments = Ipv4Fragments.CutAll(Ipv4Fragments.WriteChecksum(TestPacket.Udp(payload: 600)), 208);
        sut.Send(1, [.. fragments.SkipLast(1)]);
        AccountRow row = sut.Control.Accounts.Read().Find(1)!;
        Assert.Equal((fragments.Count - 1, fragments.Count - 1, 0), (row.Received, row.Held, row.Unaccounted));
        sut.Send(1, fragments[^1]);
        row = sut.Control.Accounts.Read().Find(1)!;
        Assert.Equal((0, fragments.Count, 1, 1, 0), (row.Held, row.Used, row.Made, row.Forwarded, row.Unaccounted));
    }
}
