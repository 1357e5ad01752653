using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Client;

namespace Softswitch.Bench.Sides;

/// <summary>How a switch takes packets from Linux interfaces.</summary>
internal enum IoBackend
{
    /// <summary>Not at all: its flows are in the kernel.</summary>
    Kernel,
    Packet,
    Xdp,
}

/// <summary>A switch in a process of its own, with two interfaces as ports 1 and 2. It forwards until it is told to rest.</summary>
/// <remarks>Threads: one.</remarks>
internal abstract class IoSwitch : IDisposable
{
    public const ushort Input = 1;
    public const ushort Output = 2;

    /// <summary>How long a switch may take to start or to answer.</summary>
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Of the process that forwards; 0 if the kernel does.</summary>
    public abstract int ProcessId { get; }

    public abstract OfClient Client { get; }

    /// <summary>Sees to it that the switch listens to <see cref="Client"/> after a time in which something was measured.</summary>
    public virtual void Return()
    {
    }

    /// <summary>What the port is, in the switch's own words.</summary>
    public abstract string Description { get; }

    /// <summary>Whether what its ports count as dropped is also counted by the kernel on their interfaces.</summary>
    public abstract bool CountsInterfaceDrops { get; }

    /// <summary>Time that its forwarding thread has spent on passes with packets, and all time, by its own account; 0 where it keeps none.</summary>
    public abstract (TimeSpan Busy, TimeSpan Clock) ReadBusyTime();

    /// <summary>All threads stand still.</summary>
    public abstract void Rest();

    public abstract void Resume();

    public abstract void Dispose();

    /// <summary>The entries by which everything from one port leaves by the other.</summary>
    public static IEnumerable<(FlowMatch Match, ushort Output)> BothWays =>
        [EntryFrom(Input, Output), EntryFrom(Output, Input)];

    /// <summary>The entry by which everything from one port leaves by another.</summary>
    public static (FlowMatch Match, ushort Output) EntryFrom(ushort from, ushort to) =>
        (FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = from }, to);

    /// <exception cref="OfClientException">It refuses one.</exception>
    public virtual void Install(IEnumerable<(FlowMatch Match, ushort Output)> entries)
    {
        foreach ((FlowMatch match, ushort output) in entries)
        {
            Client.Send(new FlowMod { Match = match, Priority = 0x8000, Actions = (FlowAction[])[FlowAction.Output(output)] });
        }
        if (Client.Barrier() > 0)
        {
            throw new OfClientException($"the switch answers a flow-mod with {Client.Errors[0].Error.Name}");
        }
    }

    /// <summary>Packets the switch itself counted as dropped since it began.</summary>
    public virtual (long Received, long Transmitted) ReadDrops()
    {
        PortStatistics input = Read(Input);
        PortStatistics output = Read(Output);
        return (Known(input.ReceiveDropped) + Known(input.ReceiveErrors), Known(output.TransmitDropped) + Known(output.TransmitErrors));
    }

    /// <summary>What port 1 received since it began.</summary>
    public virtual (ulong Packets, ulong Bytes) ReadInput()
    {
        PortStatistics input = Read(Input);
        return (input.ReceivedPackets, input.ReceivedBytes);
    }

    private PortStatistics Read(ushort number)
    {
        Return();
        return Client.TryReadPortStatistics(number, out List<PortStatistics> ports) && ports.Count == 1
            ? ports[0]
            : throw new OfClientException($"{Client.Target}: no port statistics");
    }

    // All ones is how OpenFlow 1.0 says that a counter is not there (§5.3.5).
    private static long Known(ulong counter) => counter == ulong.MaxValue ? 0 : (long)counter;
}
