using Softswitch.Datapath.Offload;
using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Offload;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;
using Softswitch.Testing.Offload;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Offload;

/// <summary>The shim on an emulated card: what a switch with a card is made of, but for its interfaces.</summary>
internal sealed class EmulatedHardware : IOffloadHardware
{
    private readonly NetFpgaOffload _offload;

    public EmulatedHardware(TestTime time, OffloadLevel level, Action<string>? log = null)
    {
        Card = new EmulatedCard(new EmulatedCardOptions(), time);
        _offload = new NetFpgaOffload(Card, CardLayout.V10, level, SwitchPair.HardwarePorts, log ?? (line => Assert.Fail(line)));
    }

    public EmulatedCard Card { get; }

    public IFlowOffload Offload => _offload;

    public void Receive(ushort port, byte[] frame, Action<ushort, byte[]> toWire, Action<ushort, byte[]> toHost) =>
        Process(CardPort.Wire(port - 1), frame, toWire, toHost);

    public void Send(ushort port, byte[] frame, Action<ushort, byte[]> toWire, Action<ushort, byte[]> toHost) =>
        Process(CardPort.Queue(port - 1), frame, toWire, toHost);

    public void Dispose() => _offload.Dispose();

    private void Process(int source, byte[] frame, Action<ushort, byte[]> toWire, Action<ushort, byte[]> toHost)
    {
        byte[] result = new byte[Card.RoomFor(frame.Length)];
        int destinations = Card.Process(source, frame, result, out int length);
        Deliver(destinations, result[..length], toWire, toHost);
        while (Card.NextLength is int next and > 0)
        {
            byte[] other = new byte[next];
            Deliver(Card.TakeNext(other), other, toWire, toHost);
        }
    }

    private static void Deliver(int destinations, byte[] frame, Action<ushort, byte[]> toWire, Action<ushort, byte[]> toHost)
    {
        for (int number = 0; number < CardPort.NumberCount; number++)
        {
            if ((destinations & (1 << number)) != 0)
            {
                (number % 2 == 0 ? toWire : toHost)((ushort)((number / 2) + 1), frame);
            }
        }
    }
}
