using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Memory;
using Softswitch.Ports.Tunnels;
using Softswitch.Ports.Tunnels.Settings;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Tunnels;

/// <summary>The account of packets adds up with tunnels: what travels inside is one packet, what carries it another.</summary>
public sealed class TunnelAccountTests
{
    private const ushort Near = 1;
    private const ushort Below = 2;

    private static readonly string[] Tunnels =
    [
        "vxlan:local=10.0.0.1,remote=10.0.0.2,key=42",
        "gre:local=10.0.0.1,remote=10.0.0.3,key=7",
        "ipip:local=10.0.0.1,remote=10.0.0.4",
        "vxlan:local=10.0.0.1,remote=10.0.0.9,key=43,mtu=fragment",
    ];

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(4, 2)]
    public void Every_row_adds_up_after_every_step(int seed, int workers)
    {
        Random random = new(seed);
        TestTime time = new();
        using DatapathControl control = new(new DatapathOptions { Workers = workers, FrameCount = 4096, MaxExactEntries = 1024, TimeProvider = time });
        MemoryPort near = new("near", control.Frames, capacity: 64);
        MemoryPort wire = new("wire", control.Frames, capacity: 64, takesOffloads: true) { HardwareAddress = new(0x0200_0000_00a1), Mtu = 1500 };
        UnderlaySet underlays = new(time);
        Assert.Equal(ControlError.None, control.Ports.Add(Near, near));
        Assert.Equal(ControlError.None, control.Ports.Add(Below, underlays.Wrap(Below, wire, UnderlayOptions.Read(TunnelHost.Spec("u,address=10.0.0.1/24"))!)));
        bool[] isOpen = new bool[Tunnels.Length];
        long injected = 0;
        long collected = 0;
        for (int step = 0; step < 3000; step++)
        {
            int tunnel = random.Next(Tunnels.Length);
            ushort number = (ushort)(3 + tunnel);
            switch (random.Next(20))
            {
                case 0 when isOpen[tunnel]:
                    Assert.Equal(ControlError.None, control.Ports.Remove(number));
                    isOpen[tunnel] = false;
                    break;
                case 0:
                case 1 when !isOpen[tunnel]:
                    IPortDevice device = underlays.Open(number, TunnelHost.Spec(Tunnels[tunnel]), control.Frames, out ushort? beside);
                    Assert.Equal(ControlError.None, control.Ports.Add(number, device, beside: beside));
                    isOpen[tunnel] = true;
                    break;
                case < 4:
                    FlowMod mod = TestSwitch.Flow(FlowMatch.Any, (ushort)random.Next(3));
                    mod.Actions = new[] { FlowAction.Output((ushort)random.Next(1, 8)), FlowAction.Output(number), FlowAction.Output(PortNumber.Flood) };
                    control.Apply(mod);
                    break;
                case < 5:
                    time.Advance(TimeSpan.FromMilliseconds(random.Next(3000)));
                    break;
                case < 7:
                    collected += wire.Collect().Count;
                    near.Collect();
                    break;
                case < 10:
                    near.TryInject(Inner(random));
                    break;
                case < 16:
                    wire.TryInject(Outer(random, wire));
                    injected++;
                    break;
                default:
                    control.Workers[random.Next(workers)].PollOnce();
                    control.Service();
                    break;
            }
            AccountSnapshot reading = control.Accounts.Read();
            foreach (AccountRow row in reading.Rows)
            {
                Assert.True(row.Unaccounted == 0 && row.Held >= 0, $"seed {seed}, step {step}: {row.Kind} {row.Number}: {row.Unaccounted} unaccounted");
            }
            AccountRow below = reading.Find(Below)!;
            Assert.True(below.Received == injected - wire.PendingReceive, $"seed {seed}, step {step}: received {below.Received}");
            Assert.True(below.Sent == collected + wire.PendingCollect, $"seed {seed}, step {step}: sent {below.Sent} of {collected}");
        }
        AccountRow carrier = control.Accounts.Read().Find(Below)!;
        Assert.True(carrier.Used > 100 && carrier.Made > 100 && carrier.Drops > 100, $"{carrier.Used} used, {carrier.Made} made, {carrier.Drops} dropped");
    }

    private static byte[] Inner(Random random) => random.Next(3) switch
    {
        0 => TestPacket.Arp(),
        1 => TestPacket.Udp(src: 0xc0a80001, dst: 0xc0a80002, payload: random.Next(1400, 1470)),
        _ => TestPacket.Tcp(src: 0xc0a80001, dst: 0xc0a80002),
    };

    private static byte[] Outer(Random random, MemoryPort wire)
    {
        byte[] inner = Inner(random);
        byte[] outer;
        switch (random.Next(7))
        {
            case 0:
                return TunnelHost.ArpReply(0x0a000002 + (uint)random.Next(3), 0x0200_0000_00b2, wire.HardwareAddress);
            case 1:
                return TestPacket.Icmp(src: TunnelHost.PeerAddress, dst: TunnelHost.LocalAddress);
            case 2:
                return inner;
            case 3:
                outer = ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(42, TestPacket.Udp(payload: 2000)));
                List<byte[]> fragments = Ipv4Fragments.CutAll(Ipv4Fragments.WriteChecksum(outer), 1024);
                return fragments[random.Next(fragments.Count)];
            case 4:
                outer = ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(42, inner));
                outer[random.Next(outer.Length)] ^= 0x5a;
                return outer;
            default:
                return ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan((uint)random.Next(41, 44), inner));
        }
    }
}
