using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.KernelOffload;
using Softswitch.Testing;
using Softswitch.Testing.Offload;

namespace Softswitch.Ports.Tests.KernelOffload;

/// <summary>The kernel as hardware under test: four veths as ports.</summary>
/// <remarks>
/// What the program counts says what has to come by which interface, and that is awaited; what comes besides is found by whoever compares. Names: p1 is port 1, w1 the
/// far end of its wire.
/// </remarks>
internal sealed unsafe class VethCard : IOffloadHardware
{
    private readonly LabNode _space = new("card");
    private readonly FramePool _pool = new(2048, largeFrameCount: 16);
    private readonly FrameCache _frames;
    private readonly KernelOffloadPorts _kernel = new(1 << 17);
    private readonly Dictionary<ushort, KernelOffloadPort> _ports = [];
    private readonly Dictionary<ushort, RawSocket> _wires = [];

    public VethCard()
    {
        _frames = _pool.CreateCache();
        foreach (ushort number in SwitchPair.HardwarePorts)
        {
            VethCable.Lay(_space.Network, $"p{number}", _space.Network, $"w{number}");
            _ports[number] = _space.Run(() => _kernel.Open($"p{number}", number, $"p{number}", new AfPacketOptions()));
            _wires[number] = _space.Run(() => new RawSocket($"w{number}"));
        }
    }

    public IFlowOffload Offload => _kernel.Offload;

    public OffloadTables Tables => _kernel.Tables;

    public LabNode Space => _space;

    public void Receive(ushort port, byte[] frame, Action<ushort, byte[]> toWire, Action<ushort, byte[]> toHost)
    {
        Dictionary<ushort, PortCounts> before = SwitchPair.HardwarePorts.ToDictionary(number => number, Read);
        Run(_wires[port], frame);
        if (Read(port).PacketsIn == before[port].PacketsIn)
        {
            toHost(port, Assert.Single(_ports[port].Receive(_frames, 1)));
            return;
        }
        foreach (ushort number in SwitchPair.HardwarePorts)
        {
            for (ulong left = Read(number).PacketsOut - before[number].PacketsOut; left > 0; left--)
            {
                toWire(number, _wires[number].Expect());
            }
        }
    }

    public void Send(ushort port, byte[] frame, Action<ushort, byte[]> toWire, Action<ushort, byte[]> toHost)
    {
        Assert.Equal(1, _ports[port].Send(_frames, [frame]));
        toWire(port, _wires[port].Expect());
    }

    public PortCounts Read(ushort port) => _kernel.Tables.ReadCounts(port - 1); // places are given in turn

    public void Dispose()
    {
        _kernel.Offload.Dispose();
        foreach (KernelOffloadPort port in _ports.Values)
        {
            port.Dispose();
        }
        foreach (RawSocket wire in _wires.Values)
        {
            wire.Dispose();
        }
        _kernel.Dispose();
        _space.Dispose();
        _pool.Dispose();
    }

    /// <summary>Sends a frame and waits until the program has treated it.</summary>
    private void Run(RawSocket by, byte[] frame)
    {
        (ulong entered, _) = ReadGate();
        by.Send(frame);
        Eventually.Polled(() => ReadGate() is var (now, left) && now > entered && left == now, () => "the program runs");
    }

    private (ulong Entered, ulong Left) ReadGate()
    {
        ulong entered = 0;
        ulong left = 0;
        for (int i = 0; i < _kernel.Tables.Layout.Processors; i++)
        {
            entered += Volatile.Read(ref _kernel.Tables.Processor(i)->Entered);
            left += Volatile.Read(ref _kernel.Tables.Processor(i)->Left);
        }
        return (entered, left);
    }
}
