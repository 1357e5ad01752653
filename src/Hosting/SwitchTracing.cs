using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tracing;
using Softswitch.Hosting.Cards;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Tracing;
using Softswitch.OfAgent.Text;

namespace Softswitch.Hosting;

/// <summary>Says what a switch would do with packets. Threads: any.</summary>
internal sealed class SwitchTracing(SwitchGate gate, DatapathControl control, SwitchCards cards)
{
    // The fragments of a datagram of 20,000 bytes, and not so many that others wait for longer than some milliseconds.
    private const int PacketsTracedTogether = 16;

    /// <summary>What the switch would do with packets now. Sends nothing and counts nothing.</summary>
    /// <exception cref="OptionException">The words are no packet, a packet is too long, or there is no such port.</exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public IReadOnlyList<TraceReport> Trace(TraceRequest request)
    {
        using (gate.Enter())
        {
            (ushort inPort, IReadOnlyList<byte[]> packets) = Read(request);
            List<TraceReport> reports = [];
            PacketTracer? tracer = null;
            try
            {
                while (reports.Count < packets.Count)
                {
                    using PacketTracer? before = tracer;
                    tracer = null;
                    gate.Check();
                    CheckPort(inPort);
                    tracer = control.CreateTracer(before);
                    TraceSome(tracer, inPort, packets, reports);
                }
            }
            finally
            {
                tracer?.Dispose();
            }
            return reports;
        }
    }

    /// <summary>Until others want the switch: then it may be another one, and datagrams begin anew. Stations stay learned.</summary>
    private void TraceSome(PacketTracer tracer, ushort inPort, IReadOnlyList<byte[]> packets, List<TraceReport> reports)
    {
        TraceReporter reporter = new(control, cards.Locate);
        int together = reports.Count + PacketsTracedTogether;
        do
        {
            reports.Add(reporter.Describe(tracer.Trace(inPort, packets[reports.Count])));
        }
        while (reports.Count < packets.Count && (reports.Count < together || !control.Lock.Breathe()));
    }

    private (ushort InPort, IReadOnlyList<byte[]> Packets) Read(TraceRequest request)
    {
        PortNames names = new(control.Ports.Descriptions);
        ushort? inPort = null;
        if (request.InPort is { } text)
        {
            inPort = names.TryParse(text, out ushort number)
                ? number
                : throw new OptionException($"--in-port: '{text}' is neither a port number nor the name of a port");
        }
        IReadOnlyList<byte[]> packets = request.Packets;
        if (request.Flow is { } flow)
        {
            if (!PacketSyntax.TryParse(flow, names, out FlowMatch match, out byte timeToLive, out string error))
            {
                throw new OptionException(error);
            }
            if (inPort is { } other && PacketSyntax.InPortOf(match) is { } said && other != said)
            {
                throw new OptionException($"in_port: {said}, but --in-port says {other}");
            }
            inPort ??= PacketSyntax.InPortOf(match);
            packets = [Compose(match, timeToLive, request.Length)];
        }
        ushort known = inPort ?? throw new OptionException($"in_port: say by which port it comes in; {ListPorts()}");
        CheckPort(known);
        if (packets is not { Count: > 0 } || packets.Contains(null!))
        {
            throw new OptionException("packet: there is none");
        }
        if (packets.FirstOrDefault(packet => packet.Length is 0 or > Packet.MaxLength) is { } bad)
        {
            throw new OptionException($"packet: {bad.Length} bytes; 1 to {Packet.MaxLength} can be traced");
        }
        return (known, packets);
    }

    private void CheckPort(ushort number)
    {
        if (control.Ports.Numbers.IndexOf(number) < 0)
        {
            throw new OptionException($"in_port: there is no port {PortNames.Format(number)}; {ListPorts()}");
        }
    }

    private string ListPorts()
    {
        string ports = string.Join(", ", control.Ports.Descriptions.Select(port => $"{PortNames.Format(port.Number)} ({port.Name})"));
        return ports.Length == 0 ? "there is none" : $"there are {ports}";
    }

    private static byte[] Compose(in FlowMatch match, byte timeToLive, int? length)
    {
        int least = PacketComposer.HeaderLength(match);
        if (length is { } asked && (asked < least || asked > ushort.MaxValue))
        {
            throw new OptionException($"--length: {asked} bytes; such a packet has {least} to {ushort.MaxValue}");
        }
        byte[] packet = new byte[length ?? Math.Max(least, PacketComposer.ShortestFrame)];
        PacketComposer.Compose(match, packet, timeToLive);
        return packet;
    }
}
