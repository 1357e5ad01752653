using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Memory;
using Xunit;

namespace Softswitch.Testing.Offload;

/// <summary>Two switches that are told and sent the same, one of them with hardware in front of four of its five ports: whoever looks from outside must not be able to tell which.</summary>
internal sealed class SwitchPair : IDisposable
{
    public const int PortCount = 5;

    private readonly Twin _plain;
    private readonly Twin _offloaded;
    private readonly IOffloadHardware _hardware;

    /// <param name="create">Makes the hardware; it keeps time by the clock it is given.</param>
    public SwitchPair(Func<TestTime, IOffloadHardware> create)
    {
        _plain = new Twin(Time);
        _offloaded = new Twin(Time);
        _hardware = create(Time);
        _offloaded.Control.Flows.Offloads.Attach(_hardware.Offload);
    }

    public static ushort[] HardwarePorts { get; } = [1, 2, 3, 4];

    public TestTime Time { get; } = new();

    /// <summary>Frames that hardware forwarded, or dropped, without asking the software.</summary>
    public int KeptInHardware { get; private set; }

    public DatapathControl Offloaded => _offloaded.Control;

    public List<FlowRemoved> RemovedOfOffloaded => _offloaded.Removed;

    public List<FlowRemoved> RemovedOfPlain => _plain.Removed;

    public ControlError Apply(in FlowMod mod)
    {
        ControlError error = _plain.Control.Apply(mod);
        Assert.Equal(error, _offloaded.Control.Apply(mod));
        return error;
    }

    public ControlError Add(in FlowMatch match, ushort priority, params FlowAction[] actions) =>
        Apply(new FlowMod { Match = match, Priority = priority, Actions = actions, Flags = FlowModFlags.SendFlowRemoved });

    public void Configure(ushort port, PortConfig config) => Both(twin =>
        Assert.Equal(ControlError.None, twin.Control.Ports.Configure(port, twin.Ports[port - 1].HardwareAddress, config, PortConfig.All)));

    public void Both(Action<DatapathControl> change) => Both((Twin twin) => change(twin.Control));

    /// <summary>Sends a frame into both and compares what comes out, on wires and to the controller.</summary>
    public void Send(ushort port, byte[] frame)
    {
        SendUnchecked(port, frame);
        Compare($"port {port}: {Convert.ToHexString(frame)}");
    }

    /// <summary>Without the comparison, for hardware that is allowed to differ for once.</summary>
    public void SendUnchecked(ushort port, byte[] frame)
    {
        _plain.Inject(port, frame);
        if (HardwarePorts.Contains(port))
        {
            bool wasAsked = false;
            _hardware.Receive(port, frame, _offloaded.Leave, (host, copy) =>
            {
                wasAsked = true;
                _offloaded.Inject(host, copy);
            });
            KeptInHardware += wasAsked ? 0 : 1;
        }
        else
        {
            _offloaded.Inject(port, frame);
        }
        Settle();
    }

    public void PacketOut(ushort inPort, FlowAction[] actions, byte[] frame)
    {
        Both(control => Assert.Equal(ControlError.None, control.PacketOut(FlowMod.NoBuffer, inPort, actions, frame)));
        Settle();
        Compare("a packet-out");
    }

    /// <summary>Lets both do what is due.</summary>
    public void Settle()
    {
        _plain.Settle((port, frame) => _plain.Leave(port, frame));
        _offloaded.Settle((port, frame) =>
        {
            if (HardwarePorts.Contains(port))
            {
                _hardware.Send(port, frame, _offloaded.Leave, (host, copy) => Assert.Fail($"what the host sent by port {port} came back to it by port {host}"));
            }
            else
            {
                _offloaded.Leave(port, frame);
            }
        });
    }

    /// <summary>Statistics of every flow, and the sums over tables.</summary>
    public void CompareCounters()
    {
        Assert.Equal(_plain.Flows(), _offloaded.Flows());
        for (int table = 0; table < 2; table++)
        {
            TableStatistics expected = _plain.Control.ReadTable(table);
            TableStatistics actual = _offloaded.Control.ReadTable(table);
            Assert.Equal((expected.ActiveCount, expected.MatchedCount, expected.LookupCount), (actual.ActiveCount, actual.MatchedCount, actual.LookupCount));
        }
        AggregateStatistics all = _plain.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any));
        Assert.Equal(all, _offloaded.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any)));
    }

    public void Compare(string what)
    {
        Assert.True(_plain.Left.SequenceEqual(_offloaded.Left), $"{what}: left by {_plain.Describe()}, with hardware by {_offloaded.Describe()}");
        Assert.Equal(_plain.PacketIns, _offloaded.PacketIns);
        ClearOutputs();
    }

    /// <summary>What came out of either so far is not compared.</summary>
    public void ClearOutputs()
    {
        _plain.Clear();
        _offloaded.Clear();
    }

    public void Dispose()
    {
        _plain.Dispose();
        _offloaded.Dispose();
        _hardware.Dispose();
    }

    private void Both(Action<Twin> change)
    {
        change(_plain);
        change(_offloaded);
    }

    internal sealed class Twin : IControlEvents, IDisposable
    {
        private FlowRemovedCursor _removed;

        public Twin(TimeProvider time)
        {
            DatapathOptions options = new()
            {
                FrameCount = 4096, // each port's far end keeps some
                MaxExactEntries = 1 << 16,
                TimeProvider = time,
                PacketInRate = 0,
            };
            Control = new DatapathControl(options) { Events = this };
            for (ushort number = 1; number <= PortCount; number++)
            {
                Ports.Add(new MemoryPort($"p{number}", Control.Frames, capacity: 256) { HardwareAddress = AddressOf(number) });
                Assert.Equal(ControlError.None, Control.Ports.Add(number, Ports[^1]));
            }
        }

        public static MacAddress AddressOf(ushort port) => new(0x0200_0000_ff00UL + port);

        public DatapathControl Control { get; }

        public List<MemoryPort> Ports { get; } = [];

        /// <summary>Frames on the wires, in an order of their own: hardware may overtake.</summary>
        public SortedSet<(ushort Port, string Frame, int Copy)> Left { get; } = [];

        public List<(ushort Port, PacketInReason Reason, string Frame)> PacketIns { get; } = [];

        public List<FlowRemoved> Removed { get; } = [];

        public void Inject(ushort port, byte[] frame) => Assert.True(Ports[port - 1].TryInject(frame));

        public void Leave(ushort port, byte[] frame)
        {
            string text = Convert.ToHexString(frame);
            for (int copy = 0; !Left.Add((port, text, copy)); copy++)
            {
            }
        }

        public void Settle(Action<ushort, byte[]> sent)
        {
            int moved;
            do
            {
                moved = Control.Workers.Sum(worker => worker.PollOnce());
                for (ushort number = 1; number <= PortCount; number++)
                {
                    foreach (byte[] frame in Ports[number - 1].Collect())
                    {
                        sent(number, frame);
                    }
                }
            }
            while (moved > 0);
            while (Control.Service() == 0)
            {
            }
        }

        public List<string> Flows()
        {
            List<string> flows = [];
            FlowFilter all = new(FlowMatch.Any);
            uint cursor = 0;
            while (Control.Flows.Next(ref cursor, all, out FlowStatistics s))
            {
                flows.Add($"{s.TableId} {s.Priority} {s.Match} packets={s.PacketCount} bytes={s.ByteCount} actions={string.Join(',', s.Actions.ToArray())}");
            }
            return flows;
        }

        public string Describe() => Left.Count == 0 ? "nothing" : string.Join(' ', Left.Select(left => $"{left.Port}:{left.Frame}"));

        public void Clear()
        {
            Left.Clear();
            PacketIns.Clear();
        }

        public void OnPacketIn(in PacketIn packetIn) => PacketIns.Add((packetIn.InPort, packetIn.Reason, Convert.ToHexString(packetIn.Data)));

        public long OnFlowsRemoved(int limit, bool force)
        {
            while (Control.Flows.Removed.TryRead(ref _removed, out FlowRemoved removed))
            {
                Removed.Add(removed);
            }
            return _removed.Count;
        }

        public void OnPortStatus(PortStatusReason reason, in PortDescription port)
        {
        }

        public void Dispose() => Control.Dispose();
    }
}
