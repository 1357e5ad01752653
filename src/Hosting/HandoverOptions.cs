using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Ports;
using Softswitch.Hosting.TakeOver;
using Softswitch.OfAgent.Connections;

namespace Softswitch.Hosting;

/// <summary>What the options of a switch become where it is taken over.</summary>
internal static class HandoverOptions
{
    /// <summary>What a process with the same options asks for a controller's listening socket by.</summary>
    public static string LabelOf(ConnectionTarget target) => $"listen {target}";

    /// <summary>Takes over ids and numbers, and checks what must be as it is in the running switch.</summary>
    /// <exception cref="OptionException">The running switch cannot be gone on with by these options.</exception>
    public static SwitchOptions Adapt(SwitchOptions options, HandoverTarget taker)
    {
        if (options.Cards.Count > 0)
        {
            throw taker.Refuse("a switch with a NetFPGA card has to be started anew");
        }
        if (options.Datapath.SpanningTree != null)
        {
            throw taker.Refuse("a switch with a spanning tree has to be started anew: its ports listen and learn first");
        }
        if (options.DatapathId is { } id && id != taker.DatapathId)
        {
            throw taker.Refuse($"its datapath id is {taker.DatapathId:x16}; --datapath-id {id:x16} would make it another switch");
        }
        int frames = options.Datapath.FrameCount + SwitchPorts.FramesTakenBy(options.Ports);
        if (taker.HasMemory && (frames != taker.FrameCount || options.Datapath.FrameSize != taker.FrameSize))
        {
            throw taker.Refuse($"packets of AF_XDP ports lie in its {taker.FrameCount} frames of {taker.FrameSize} bytes, and this one would have {frames} of {options.Datapath.FrameSize}: --frames, --frame-size and the ports have to be the same");
        }
        return options with
        {
            Ports = [.. options.Ports.Select(port => taker.FindNumber(port.Spec) is ushort number && port.IsNumberChosen ? port with { Number = number } : port)],
            DatapathId = taker.DatapathId,
            Datapath = options.Datapath with { AreFramesInUse = taker.HasMemory },
            Agent = options.Agent with { TakeListener = target => taker.TakeListener(LabelOf(target)) },
        };
    }
}
