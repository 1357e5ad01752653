using Softswitch.Bench.Sides;
using Softswitch.Datapath.Flows;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Io;

/// <summary>The kernel's own bridge between the same interfaces. It learns, and knows no flow entries.</summary>
internal sealed class BridgeIoSwitch : IoSwitch
{
    private const string Bridge = "bridge";

    private readonly NetworkNamespace _network;
    private readonly string _input;

    /// <param name="network">Where the interfaces are, and where the bridge goes with it.</param>
    /// <exception cref="SystemCallException">The kernel refuses.</exception>
    public BridgeIoSwitch(string input, string output, NetworkNamespace network)
    {
        _network = network;
        _input = input;
        using NetlinkSocket links = network.Run(NetlinkSocket.Open);
        links.CreateBridge(Bridge);
        links.SetMaster(input, Bridge);
        links.SetMaster(output, Bridge);
        links.AddStation(output, MeasuredFrame.Destination); // which sends nothing in a trial, and would never be learned
        links.SetUp(Bridge);
        links.AwaitUp(Bridge);
    }

    public override int ProcessId => 0;

    public override OfClient Client => throw new NotSupportedException("a bridge speaks no OpenFlow");

    public override string Description => "bridge of the kernel";

    public override bool CountsInterfaceDrops => false;

    public override (TimeSpan Busy, TimeSpan Clock) ReadBusyTime() => default;

    public override void Install(IEnumerable<(FlowMatch Match, ushort Output)> entries)
    {
    }

    public override (long Received, long Transmitted) ReadDrops() => default;

    public override (ulong Packets, ulong Bytes) ReadInput()
    {
        InterfaceCounters counters = InterfaceCounters.Read(_network, _input);
        return ((ulong)counters.Received, (ulong)counters.ReceivedBytes);
    }

    public override void Rest()
    {
    }

    public override void Resume()
    {
    }

    public override void Dispose()
    {
    }
}
