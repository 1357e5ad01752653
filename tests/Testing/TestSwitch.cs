using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Memory;
using Xunit;

namespace Softswitch.Testing;

/// <summary>A whole datapath on memory ports 1, 2, ..., driven by the test's own thread, its events recorded, its time in the test's hand.</summary>
internal sealed class TestSwitch : IControlEvents, IDisposable
{
    private readonly Dictionary<ushort, MemoryPort> _ports = [];
    private FlowRemovedCursor _removed;

    public TestSwitch(int ports = 4, DatapathOptions? options = null)
    {
        options ??= new DatapathOptions();
        Control = new DatapathControl(options with
        {
            FrameCount = Math.Min(options.FrameCount, 4096),
            MaxExactEntries = Math.Min(options.MaxExactEntries, 1 << 17),
            TimeProvider = Time,
            Hash = FlowHash.Create(1, 2, 3, 4),
        })
        {
            Events = this,
        };
        for (ushort number = 1; number <= ports; number++)
        {
            AddPort(number);
        }
        PortEvents.Clear();
    }

    /// <summary>Whether its end shows that no frame was lost; for tests whose every port is its own.</summary>
    public bool KeepsFrames { get; init; }

    public TestTime Time { get; } = new();

    public DatapathControl Control { get; }

    public List<(uint Buffer, ushort InPort, PacketInReason Reason, ushort MaxLength, byte[] Data)> PacketIns { get; } = [];

    public List<FlowRemoved> Removed { get; } = [];

    public List<(PortStatusReason Reason, PortDescription Port)> PortEvents { get; } = [];

    public MemoryPort this[ushort port] => _ports[port];

    /// <param name="mtu">0 for no limit.</param>
    public void AddPort(ushort number, int mtu = 0)
    {
        MemoryPort port = new($"p{number}", Control.Frames, capacity: 4096) { HardwareAddress = new(0x0200_0000_ff00UL + number), Mtu = mtu };
        Assert.Equal(ControlError.None, Control.Ports.Add(number, port));
        _ports[number] = port;
    }

    /// <summary>A port-mod; of all flags unless a mask says which.</summary>
    public void Configure(ushort port, PortConfig config, PortConfig mask = PortConfig.All) =>
        Assert.Equal(ControlError.None, Control.Ports.Configure(port, _ports[port].HardwareAddress, config, mask));

    public static FlowMod Flow(FlowMatch match, ushort priority = 0x8000, FlowModCommand command = FlowModCommand.Add, ulong cookie = 0) =>
        new() { Command = command, Match = match, Priority = priority, Cookie = cookie };

    public ControlError Add(FlowMatch match, ushort priority, params FlowAction[] actions)
    {
        FlowMod mod = Flow(match, priority);
        mod.Actions = actions;
        return Control.Apply(mod);
    }

    /// <summary>Injects a frame and runs the worker until it is still; delivers events.</summary>
    public void Send(ushort port, params byte[][] frames)
    {
        foreach (byte[] frame in frames)
        {
            Assert.True(_ports[port].TryInject(frame), "the memory port has room");
        }
        Settle();
    }

    public void Settle()
    {
        int moved;
        do
        {
            moved = 0;
            foreach (Worker worker in Control.Workers)
            {
                moved += worker.PollOnce();
            }
        }
        while (moved > 0);
        while (Control.Service() == 0)
        {
            // Packet-ins are delivered in slices.
        }
    }

    /// <summary>What left the port since the last call.</summary>
    public List<byte[]> Received(ushort port) => _ports[port].Collect();

    /// <summary>Takes what left the port, without a look and without allocating.</summary>
    /// <returns>How many packets.</returns>
    public int Discard(ushort port) => Discard(_ports[port]);

    public static int Discard(MemoryPort port)
    {
        int count = 0;
        for (; port.TryCollect(out Packet packet); count++)
        {
            port.FarFrames.Release(packet);
        }
        return count;
    }

    /// <summary>Every frame of the pool is free, in a buffer or in a port's queue: none was lost, none released twice.</summary>
    public void AssertNoFrameLost()
    {
        Settle();
        int queued = _ports.Values.Sum(port => port.PendingReceive + port.PendingCollect + port.FarFrames.FreeCount);
        Assert.Equal(Control.Frames.FrameCount + Control.Frames.LargeFrameCount, Control.RestingFrameCount + queued);
    }

    public void OnPacketIn(in PacketIn packetIn) =>
        PacketIns.Add((packetIn.BufferId, packetIn.InPort, packetIn.Reason, packetIn.MaxLength, packetIn.Data.ToArray()));

    public long OnFlowsRemoved(int limit, bool force)
    {
        while (Control.Flows.Removed.TryRead(ref _removed, out FlowRemoved removed))
        {
            Removed.Add(removed);
        }
        return _removed.Count;
    }

    public void OnPortStatus(PortStatusReason reason, in PortDescription port) => PortEvents.Add((reason, port));

    public List<(FlowMatch Match, ulong Cookie, ulong Packets, ulong Bytes, ushort Priority, bool IsExact, FlowAction[] Actions)> Flows()
    {
        List<(FlowMatch, ulong, ulong, ulong, ushort, bool, FlowAction[])> flows = [];
        FlowFilter all = new(FlowMatch.Any);
        uint cursor = 0;
        while (Control.Flows.Next(ref cursor, all, out FlowStatistics s))
        {
            Assert.Equal(FlowFilter.FlowTable, s.TableId);
            flows.Add((s.Match, s.Cookie, s.PacketCount, s.ByteCount, s.Priority, MatchNormalizer.Normalize(s.Match, out _, out _), s.Actions.ToArray()));
        }
        return flows;
    }

    public void Dispose()
    {
        try
        {
            if (KeepsFrames)
            {
                AssertNoFrameLost();
            }
        }
        finally
        {
            Control.Dispose();
        }
    }
}
