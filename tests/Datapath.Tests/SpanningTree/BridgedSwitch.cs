using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.SpanningTree;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.SpanningTree;

/// <summary>A switch of four ports in a spanning tree, what it hears, and what it sends.</summary>
internal static class BridgedSwitch
{
    /// <summary>The lowest identifier there can be, next to the one of all zeros.</summary>
    public const ulong BetterBridge = 1;

    public static TestSwitch Create(DatapathOptions? options = null) =>
        new(4, (options ?? new DatapathOptions()) with { SpanningTree = new SpanningTreeOptions() }) { KeepsFrames = true };

    /// <summary>Ports 1 to 3 forward, 1 towards a better bridge that serves what is behind port 4 as well.</summary>
    public static TestSwitch WithPort4Blocked()
    {
        TestSwitch sut = Create();
        Hear(sut, 35);
        Assert.Equal(
            [PortState.StpForward, PortState.StpForward, PortState.StpForward, PortState.StpBlock], sut.Control.Ports.Descriptions.Select(port => port.State));
        Clear(sut);
        return sut;
    }

    /// <summary>Time passes, and the better bridge is heard on ports 1 and 4.</summary>
    public static void Hear(TestSwitch sut, int seconds)
    {
        for (int i = 0; i < seconds; i++)
        {
            sut.Send(1, Hello(BetterBridge));
            sut.Send(4, Hello(BetterBridge, port: 0x8002));
            Pass(sut, 1);
        }
    }

    public static void Pass(TestSwitch sut, int seconds)
    {
        for (int i = 0; i < 4 * seconds; i++)
        {
            sut.Time.Advance(TimeSpan.FromMilliseconds(250));
            sut.Settle();
        }
        sut.Settle(); // sends what the last service wants sent
    }

    public static byte[] Hello(ulong root, ushort port = 0x8001) =>
        Frame(new Bpdu(false, new BridgePriority(root, 0, root, port), 0, new BridgeTimes(20_000, 2000, 15_000), false, false));

    public static byte[] Frame(in Bpdu bpdu)
    {
        byte[] frame = new byte[Bpdu.FrameLength];
        bpdu.Encode(frame, new(0x0200_0000_00fe));
        return frame;
    }

    /// <summary>The ports a packet came out of that was received on this one.</summary>
    public static ushort[] Reached(TestSwitch sut, ushort inPort)
    {
        Clear(sut);
        sut.Send(inPort, TestPacket.Udp(dlDst: 0xffff_ffff_ffff));
        return [.. Enumerable.Range(1, 4).Select(port => (ushort)port).Where(port => Data(sut, port) > 0)];
    }

    /// <summary>Packets sent, BPDUs apart.</summary>
    public static int Data(TestSwitch sut, ushort port) => sut.Received(port).Count(frame => !Bpdu.TryDecode(frame, out _));

    public static void Clear(TestSwitch sut)
    {
        for (ushort port = 1; port <= 4; port++)
        {
            sut.Received(port);
        }
    }

    public static (ushort, PortState)[] TakeReports(TestSwitch sut)
    {
        (ushort, PortState)[] reports = [.. sut.PortEvents.Select(e => (e.Port.Number, e.Port.State))];
        sut.PortEvents.Clear();
        return reports;
    }
}
