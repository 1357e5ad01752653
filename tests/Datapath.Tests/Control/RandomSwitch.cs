using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;
using Softswitch.Datapath.SpanningTree;
using Softswitch.Ports.Memory;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>A switch to which anything may happen, and which is given small queues so that it does.</summary>
internal sealed class RandomSwitch : IDisposable
{
    private const int Numbers = 6;

    private static readonly ushort[] Outputs =
    [
        1, 2, 3, 4, 5, 6, 9, PortNumber.InPort, PortNumber.Flood, PortNumber.All, PortNumber.Normal, PortNumber.Controller,
    ];

    private readonly Random _random;
    private readonly Random _costly;
    private readonly TestSwitch _sut;
    private readonly Dictionary<ushort, (long Injected, long Collected)> _wires = [];
    private long _injectedGone;
    private long _collectedGone;
    private bool _isGoneKnown = true;

    public RandomSwitch(int seed, int workers, bool hasSpanningTree)
    {
        _random = new Random(seed);
        _costly = new Random(seed);
        _sut = new TestSwitch(ports: 0, new DatapathOptions
        {
            Workers = workers,
            FrameCount = 1024 + (workers * 512),
            LargeFrameCount = 32,
            PacketInRate = 100,
            PacketInBurst = 50,
            PacketOutQueueLength = 16,
            MaxReassemblies = 8,
            BufferCount = 16,
            SpanningTree = hasSpanningTree ? new SpanningTreeOptions() : null,
        });
        for (ushort number = 1; number <= Numbers; number++)
        {
            Add(number);
        }
        _sut.Control.Pipeline.MissBehaviour = MissBehaviour.Controller;
    }

    public DatapathControl Control => _sut.Control;

    public void Step()
    {
        switch (_random.Next(40))
        {
            case < 16:
                Arrive();
                break;
            case < 24:
                Poll(_random.Next(_sut.Control.Workers.Count));
                break;
            case < 27:
                using (Control.EnterWithoutTable())
                {
                    Control.Service();
                }
                break;
            case < 31:
                Collect((ushort)_random.Next(1, Numbers + 1));
                break;
            case < 34:
                ChangeFlows();
                break;
            case < 36:
                PacketOut();
                break;
            case 36:
                _sut.Time.Advance(TimeSpan.FromMilliseconds(_random.Next(200)));
                break;
            case 37:
                ChangePort();
                break;
            case 38:
                ChangeQueues();
                break;
            default:
                ComeOrGo();
                break;
        }
    }

    /// <summary>Nothing is on its way any more but what has to wait.</summary>
    public void Settle() => _sut.Settle();

    /// <summary>All rows, and what the wires know. The workers rest.</summary>
    public void Check(string when)
    {
        AccountSnapshot reading = CheckRows(when);
        foreach ((ushort number, (long injected, long collected)) in _wires)
        {
            AccountRow row = reading.Find(number)!;
            Assert.True(row.Received == injected - _sut[number].PendingReceive, $"{when}: port {number} received {row.Received} of {injected}");
            Assert.True(row.Sent == collected + _sut[number].PendingCollect, $"{when}: port {number} sent {row.Sent}, {collected} were collected");
        }
        AccountRow gone = reading.Row(AccountKind.Gone);
        Assert.True(!_isGoneKnown || (gone.Received == _injectedGone && gone.Sent == _collectedGone), $"{when}: ports that went");
        Assert.True(reading.Row(AccountKind.Controller).Sent == _sut.PacketIns.Count, $"{when}: packet-ins");
        CheckTotals(reading, when);
    }

    /// <summary>Read without a worker's help they are the same, while the workers rest.</summary>
    private void CheckTotals(AccountSnapshot reading, string when)
    {
        AccountRow ports;
        AccountRow others;
        using (Control.EnterWithoutTable())
        {
            (ports, others) = Control.Accounts.ReadTotals();
        }
        AccountRow[] ofPorts = [.. reading.Rows.Where(row => row.Kind is AccountKind.Port or AccountKind.Gone)];
        Assert.True(ports.Received == ofPorts.Sum(row => row.Received) && ports.Sent == ofPorts.Sum(row => row.Sent), $"{when}: totals of ports");
        Assert.True(ports.Drops + others.Drops == reading.Rows.Sum(row => row.Drops), $"{when}: drops in all");
    }

    public AccountSnapshot CheckRows(string when)
    {
        AccountSnapshot reading = null!;
        Eventually.Polled(() => (reading = Read()).IsExact, () => $"{when}: every worker copies its accounts");
        foreach (AccountRow row in reading.Rows)
        {
            Assert.True(row.Unaccounted == 0 && row.Held >= 0, $"{when}: {row.Kind} {row.Number}: {row.Unaccounted} unaccounted, {row.Held} held");
        }
        Assert.True(
            reading.Rows.Sum(row => row.Received + row.Made) == reading.Rows.Sum(row => row.Sent + row.Used + row.Held + row.Drops),
            $"{when}: in all");
        return reading;
    }

    private AccountSnapshot Read()
    {
        using (Control.EnterWithoutTable())
        {
            return Control.Accounts.Read();
        }
    }

    /// <summary>A run in which nothing was cut, held or dropped would say little.</summary>
    public void AssertItWasWorthWhile()
    {
        AccountSnapshot reading = CheckRows("at last");
        Assert.True(reading.Rows.Sum(row => row.Sent) > 1000);
        Assert.True(reading.Rows.Sum(row => row.Made) > 100);
        Assert.True(reading.Rows.Sum(row => row.Used) > 20);
        int reasons = Enum.GetValues<DropReason>().Count(
            reason => reason != DropReason.Count && reading.Rows.Any(row => row.ReceiveDrops(reason) + row.SendDrops(reason) > 0));
        Assert.True(reasons >= 8, $"{reasons} reasons for drops");
    }

    public void Dispose()
    {
        for (int second = 0; second < 10; second++)
        {
            _sut.Time.Advance(TimeSpan.FromSeconds(1)); // packet-ins wait for the limit
            _sut.Settle();
        }
        _sut.AssertNoFrameLost();
        _sut.Dispose();
    }

    private void Poll(int worker)
    {
        if (!Control.Workers[worker].IsRunning)
        {
            Control.Workers[worker].PollOnce();
        }
    }

    private void Arrive()
    {
        ushort number = (ushort)_random.Next(1, Numbers + 1);
        if (!_wires.TryGetValue(number, out (long Injected, long Collected) wire))
        {
            return;
        }
        int count;
        switch (_random.Next(8))
        {
            case 0:
                count = ArriveAsFragments(number);
                break;
            case 1:
                count = ArriveAsSegment(number);
                break;
            default:
                byte[] frame = RandomFrame();
                count = _random.Next(8) == 0 ? 300 : _random.Next(1, 6);
                for (int i = 0; i < count; i++)
                {
                    _sut[number].TryInject(frame); // what does not fit is lost on the wire, and counted there
                }
                break;
        }
        _wires[number] = (wire.Injected + count, wire.Collected);
    }

    private int ArriveAsFragments(ushort number)
    {
        byte[][] fragments = [.. Ipv4Fragments.CutAll(Ipv4Fragments.WriteChecksum(TestPacket.Udp(payload: 2000)), 704)];
        foreach (byte[] fragment in fragments)
        {
            _sut[number].TryInject(fragment);
        }
        return fragments.Length;
    }

    /// <summary>TCP or UDP that owes its checksums and is to be cut, as a local stack sends it.</summary>
    private int ArriveAsSegment(ushort number)
    {
        FrameCache frames = _sut[number].FarFrames;
        if (!frames.TryRentLarge(out Packet spare)) // copies of others have them all
        {
            return 0;
        }
        frames.Release(spare);
        Packet segment = SegmentBuilder.Random(_random, _random.Next(2000, 9000)).Rent(frames, 1400);
        if (!_sut[number].TryInject(segment))
        {
            frames.Release(segment);
        }
        return 1;
    }

    private byte[] RandomFrame()
    {
        uint to = 0x0a000001 + (uint)_random.Next(8);
        switch (_random.Next(10))
        {
            case 0:
                return new byte[_random.Next(1, 14)];
            case 1:
                byte[] bpdu = new byte[Bpdu.FrameLength];
                new Bpdu(false, new BridgePriority(7, 0, 7, 0x8001), 0, new BridgeTimes(20_000, 2000, 15_000), false, false)
                    .Encode(bpdu, new(0x0200_0000_00fe));
                return bpdu;
            case 2:
                List<byte[]> fragments = Ipv4Fragments.CutAll(Ipv4Fragments.WriteChecksum(TestPacket.Udp(dst: to, payload: 2000)), 704);
                return fragments[_random.Next(fragments.Count)];
            case 5:
                return TestPacket.Arp(target: to);
            case 6:
                return TestPacket.Udp(dst: to, dlDst: 0x0200_0000_0000u + (uint)_random.Next(8));
            default:
                return TestPacket.Tcp(dst: to, payload: _random.Next(1400));
        }
    }

    private void Collect(ushort number)
    {
        if (_wires.TryGetValue(number, out (long Injected, long Collected) wire))
        {
            _wires[number] = (wire.Injected, wire.Collected + _sut.Received(number).Count);
        }
    }

    private void ChangeFlows()
    {
        FlowMatch match = _random.Next(3) == 0
            ? FlowMatch.Any
            : FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = (ushort)_random.Next(1, Numbers + 1) };
        FlowMod mod = TestSwitch.Flow(match, (ushort)_random.Next(4), _random.Next(5) == 0 ? FlowModCommand.Delete : FlowModCommand.Add) with { Actions = RandomActions(Outputs) };
        using (Control.Enter())
        {
            Control.Apply(mod);
        }
    }

    private FlowAction[] RandomActions(ushort[] outputs)
    {
        FlowAction[] actions = new FlowAction[_random.Next(4)];
        for (int i = 0; i < actions.Length; i++)
        {
            actions[i] = _random.Next(5) switch
            {
                0 => FlowAction.SetNwTos((byte)_random.Next(64)),
                1 => FlowAction.Enqueue((ushort)_random.Next(1, Numbers + 1), (uint)_random.Next(3)),
                _ => FlowAction.Output(outputs[_random.Next(outputs.Length)], 64),
            };
        }
        if (_costly.Next(20) == 0) // takes more than a pass
        {
            actions = [.. Enumerable.Range(0, _costly.Next(200)).Select(_ => FlowAction.Output((ushort)_costly.Next(1, Numbers + 1))), .. actions];
        }
        return actions;
    }

    private void PacketOut()
    {
        ushort inPort = _random.Next(3) == 0 ? PortNumber.None : (ushort)_random.Next(1, Numbers + 1);
        using (Control.EnterWithoutTable())
        {
            Control.PacketOut(FlowMod.NoBuffer, inPort, RandomActions([.. Outputs, PortNumber.Table]), RandomFrame());
        }
    }

    private void ChangePort()
    {
        PortConfig[] bits = [PortConfig.PortDown, PortConfig.NoForward, PortConfig.NoReceive, PortConfig.NoPacketIn, PortConfig.NoFlood, PortConfig.NoStp];
        PortConfig bit = bits[_random.Next(bits.Length)];
        ushort number = (ushort)_random.Next(1, Numbers + 1);
        using (Control.EnterWithoutTable())
        {
            Control.Ports.Configure(number, new(0x0200_0000_ff00UL + number), _random.Next(3) == 0 ? bit : PortConfig.None, bit);
            Control.Pipeline.FragmentHandling = _random.Next(4) == 0 ? (FragmentHandling)_random.Next(3) : FragmentHandling.Reassemble;
        }
    }

    private void ChangeQueues()
    {
        ushort number = (ushort)_random.Next(1, Numbers + 1);
        using (Control.EnterWithoutTable())
        {
            switch (_random.Next(4))
            {
                case 0:
                    Control.Queues.Configure(number, new QueueConfig((uint)_random.Next(2), 1_000_000));
                    break;
                case 1:
                    Control.Queues.Remove(number, (uint)_random.Next(2));
                    break;
                case 2:
                    Control.Queues.ConfigureRate(number, 5_000_000);
                    break;
                default:
                    Control.Queues.ConfigureRate(number, 0);
                    break;
            }
        }
    }

    private void ComeOrGo()
    {
        ushort number = (ushort)_random.Next(1, Numbers + 1);
        using (Control.EnterWithoutTable())
        {
            if (!_wires.TryGetValue(number, out (long Injected, long Collected) wire))
            {
                Add(number);
                return;
            }
            MemoryPort port = _sut[number];
            _isGoneKnown &= !Control.Workers[0].IsRunning; // else who knows how far they came
            _injectedGone += wire.Injected - port.PendingReceive;
            _collectedGone += wire.Collected + port.PendingCollect;
            _wires.Remove(number);
            Assert.Equal(ControlError.None, Control.Ports.Remove(number));
        }
    }

    private void Add(ushort number)
    {
        _sut.AddPort(number, mtu: _random.Next(2) == 0 ? 0 : 900);
        _wires.Add(number, default);
    }
}
