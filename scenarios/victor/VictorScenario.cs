using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Charts;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.Scenarios.Victor;

/// <summary>VICTOR: three forwarding elements as one router; a host moves between two of them and keeps its address.</summary>
internal sealed class VictorScenario : Scenario
{
    private const double PingsPerSecond = 100;
    private const int MostLost = 2; // "1 to 2 packets are lost during the handoff" (§5)
    private const int UnknownPackets = 100;
    private const byte SentTimeToLive = 64; // as Linux sends
    private const double LineRate = 1.488e6; // 64-byte frames a second at 1 Gbit/s

    public override string Name => "victor";

    public override string Paper => "Hao et al., Enhancing Dynamic Cloud-based Services using Network Virtualization, VISA 2009";

    public override string Summary =>
        "Three forwarding elements with an IP-in-IP mesh between them are one router. A machine registers by the ARP it broadcasts; the controller sets its binding on all three. "
        + "While it is pinged every 10 ms, and pings, it moves from FE1 to FE3 and back again.";

    public override void Run(ScenarioRun run)
    {
        var lab = new VictorLab(run.Lab, line => run.Say(line));
        run.WaitUntil(() => lab.Controller.Switches.Count == 3, "three forwarding elements are connected");
        run.Say("three forwarding elements are connected");
        LoadTable(run, lab);
        RegisterAll(run, lab);
        run.KeepTable(lab.Second, "before");

        var wires = new VictorWires(run, lab);
        MoveUnderPings(run, lab);
        wires.Judge(run);
        CheckUnknown(run, lab);
        CheckTooLong(run, lab);
        CheckBindings(run, lab);
        foreach (LabSwitch element in run.Lab.Switches)
        {
            run.KeepTable(element, "after");
        }
        CheckRate(run);
    }

    /// <summary>Loads the paper's table on FE2 as it is printed, then with its ports counted from 1, and takes it off again.</summary>
    private static void LoadTable(ScenarioRun run, VictorLab lab)
    {
        SwitchConnection second = lab.Controller.Find(lab.Second.DatapathId)!;
        IReadOnlyList<ParsedFlow> printed = FlowFile.Read("victor/table1.flows", ("NEXT-HOP", $"{VictorLab.RouterAddress}"));
        IReadOnlyList<OfError> refused = Load(run, lab, second, printed, offset: 0);
        run.Check(
            "Table 1 as printed: the entry that outputs to port 0, which OpenFlow 1.0 does not have, is refused", "OFPBAC_BAD_OUT_PORT once",
            string.Join(", ", refused.Select(error => error.Name).DefaultIfEmpty("nothing refused")), refused.Count == 1 && refused[0] == OfError.BadActionBadOutPort);
        refused = Load(run, lab, second, printed, offset: 1);
        run.Check("Table 1 with ports counted from 1 is taken", "4 entries", $"{printed.Count - refused.Count} entries", printed.Count == 4 && refused.Count == 0);
    }

    private static IReadOnlyList<OfError> Load(ScenarioRun run, VictorLab lab, SwitchConnection to, IReadOnlyList<ParsedFlow> flows, ushort offset)
    {
        var sent = new HashSet<uint>();
        foreach (ParsedFlow flow in flows)
        {
            FlowMod mod = flow.ToFlowMod();
            mod.Actions = Array.ConvertAll(flow.Actions, action => action.Kind == ActionKind.Output ? FlowAction.Output((ushort)(action.Port + offset)) : action);
            sent.Add(to.Send(mod));
        }
        AwaitBarrier(run, to);
        foreach (ParsedFlow flow in flows)
        {
            FlowMod mod = flow.ToFlowMod();
            mod.Command = FlowModCommand.DeleteStrict;
            to.Send(mod);
        }
        AwaitBarrier(run, to);
        return [.. lab.Controller.Errors.Where(error => sent.Contains(error.Xid)).Select(error => error.Error)];
    }

    private static void AwaitBarrier(ScenarioRun run, SwitchConnection to)
    {
        bool isDone = false;
        to.Barrier(_ => Volatile.Write(ref isDone, true));
        to.Flush();
        run.WaitUntil(() => Volatile.Read(ref isDone), $"switch {to.DatapathId:x} answers a barrier");
    }

    private static void RegisterAll(ScenarioRun run, VictorLab lab)
    {
        foreach (LabHost host in lab.Hosts)
        {
            host.Announce();
        }
        run.WaitUntil(() => lab.Controller.Changes.Count == lab.Hosts.Count, "all hosts are registered on all elements");
    }

    private static void MoveUnderPings(ScenarioRun run, VictorLab lab)
    {
        Rehearse(run, lab);
        TimeSpan between = TimeSpan.FromMilliseconds(run.Scale(1000, 400));
        int handoffs = run.Scale(10, 2);
        PingStream[] streams =
        [
            run.Own(PingStream.Start(lab.Correspondent, lab.Mobile, PingsPerSecond)),
            run.Own(PingStream.Start(lab.Mobile, lab.Correspondent, PingsPerSecond)),
            run.Own(PingStream.Start(lab.Stationary, lab.Mobile, PingsPerSecond)),
        ];
        run.WaitUntil(() => streams.All(stream => stream.Record.Received > 10), "pings are answered before the first handoff");
        var moves = new List<VictorMove>();
        for (int i = 0; i < handoffs; i++)
        {
            run.Wait(between);
            moves.Add(Move(run, lab, cable: (i + 1) % 2));
            if (i == 0)
            {
                run.WaitUntil(() => lab.Stationary.FindNeighbour(lab.Mobile.Address) == VictorLab.RouterAddress, "the old subnet has the router's address for the VM");
                CompareWithTable(run, lab);
            }
        }
        run.Wait(between);
        VictorMove[] bounds = [.. moves];
        long end = Stopwatch.GetTimestamp();
        foreach (PingStream stream in streams)
        {
            StreamSummary summary = stream.Stop();
            Judge(run, stream, summary, bounds, end);
        }
        JudgeUpdates(run, streams[0].Record, bounds);
        AddCharts(run, streams);
        // Away from its home subnet for the checks that need a tunnel.
        if (lab.Mobile.Current == 0)
        {
            Move(run, lab, cable: 1);
        }
    }

    /// <summary>There and back once: what is measured is the switch and the controller, not the compiler that sees them for the first time.</summary>
    private static void Rehearse(ScenarioRun run, VictorLab lab)
    {
        run.Say("rehearsal");
        Move(run, lab, cable: 1);
        Move(run, lab, cable: 0);
    }

    private static VictorMove Move(ScenarioRun run, VictorLab lab, int cable)
    {
        int known = lab.Controller.Changes.Count;
        lab.Mobile.Prepare(cable);
        long left = run.Say($"handoff: the VM leaves {(cable == 1 ? "FE1 for FE3" : "FE3 for FE1")}");
        lab.Mobile.MoveTo(cable);
        long announced = Stopwatch.GetTimestamp();
        lab.Mobile.Announce();
        run.Say("the VM broadcasts an ARP", announced);
        run.WaitUntil(() => lab.Controller.Changes.Count > known, "all elements have the new binding");
        return new VictorMove(left, announced, lab.Controller.Changes[known]);
    }

    /// <summary>With the VM at FE3 and the others where the paper has them, the controller's table of FE2 must be the paper's.</summary>
    private static void CompareWithTable(ScenarioRun run, VictorLab lab)
    {
        string[] printed = [.. FlowFile.Read("victor/table1.flows", ("NEXT-HOP", $"{VictorLab.RouterAddress}"))
            .Select(flow => $"{Ipv4Text.Format(Be32.FromHost(flow.Match.NwDst))} to {flow.Actions[^1].Port + 1}").Order()];
        string[] made = [.. lab.Second.TakeSnapshot().Flows.Where(flow => flow.Match.Contains("nw_dst=", StringComparison.Ordinal))
            .Select(flow => $"{flow.Match.Split("nw_dst=")[1]} to {flow.Actions.Split("output:")[1]}").Order()];
        run.Check("with the VM at FE3 the controller has made Table 1 on FE2, ports counted from 1", string.Join(", ", printed), string.Join(", ", made), printed.SequenceEqual(made));
    }

    private static void Judge(ScenarioRun run, PingStream stream, StreamSummary summary, VictorMove[] moves, long end)
    {
        int[] lost = [.. moves.Select((move, i) => stream.Record.LostBetween(move.Left - (Stopwatch.Frequency / 20), i + 1 < moves.Length ? moves[i + 1].Left - (Stopwatch.Frequency / 20) : end))];
        run.Result.Add(stream.Name, summary.ToJson());
        run.Figure($"pings lost a handoff, {stream.Name}", "1 to 2", $"{string.Join(", ", lost)} (most {lost.Max()})");
        run.CheckTime($"{stream.Name}: lost at each handoff", $"at most {MostLost}", string.Join(", ", lost), lost.Max() <= MostLost);
        run.CheckTime($"{stream.Name}: lost besides", "0", $"{summary.Lost - lost.Sum()}", summary.Lost == lost.Sum());
        run.Check(
            $"{stream.Name}: goes on after each handoff", "answers in every pause",
            $"{summary.Received} of {summary.Sent} answered", summary.LongestLoss < stream.Record.Sent / (moves.Length + 1));
    }

    private static void JudgeUpdates(ScenarioRun run, StreamRecord pings, VictorMove[] moves)
    {
        double[] times = [.. moves.Select(move => Stopwatch.GetElapsedTime(move.Announced, move.Change.DoneAt).TotalMilliseconds)];
        int inTime = moves.Count(move => move.Change.DoneAt < pings.SentAt(Math.Min(pings.FirstSentAfter(move.Announced) + 1, pings.Sent - 1)));
        run.Figure("from the ARP to the binding on all elements", "none given", $"{times.Average():0.0} ms, at most {times.Max():0.0} ms");
        run.CheckTime(
            "all three tables are updated before the second ping after the ARP", "at more than half of the handoffs", $"at {inTime} of {moves.Length}, after {Statistic.Median(times):0.0} ms (median); pings every 10 ms",
            inTime > moves.Length / 2);
    }

    private static void AddCharts(ScenarioRun run, PingStream[] streams)
    {
        long start = run.Result.Timeline.Start;
        TimeSpan interval = TimeSpan.FromMilliseconds(50);
        run.Result.Add(new LineChart(
            "Round trip during the handoffs", new Axis("seconds"), new Axis("longest round trip in 50 ms, ms"),
            [.. streams.Select(stream => new Series(stream.Name, stream.Record.DelaySeries(start, interval)))], HasMarkers: false));
        run.Result.Add(new LineChart(
            "Pings lost", new Axis("seconds"), new Axis("pings lost in 50 ms", Through: MostLost),
            [.. streams.Select(stream => new Series(stream.Name, stream.Record.LossSeries(start, interval)))], HasMarkers: false));
    }

    private static void CheckUnknown(ScenarioRun run, VictorLab lab)
    {
        ulong before = CountDiscarded(lab);
        using Socket socket = lab.Correspondent.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        var nobody = new IPEndPoint(new IPAddress(LabText.Address("10.99.99.99").Raw), 9);
        for (int i = 0; i < UnknownPackets; i++)
        {
            socket.SendTo(new byte[32], nobody);
        }
        run.WaitUntil(() => CountDiscarded(lab) - before >= UnknownPackets, "packets to nobody are discarded");
        ulong found = CountDiscarded(lab) - before;
        run.Check("packets to a destination without a binding are discarded and counted", $"{UnknownPackets} of {UnknownPackets}", $"{found}", found == UnknownPackets);
    }

    private static ulong CountDiscarded(VictorLab lab) => lab.Second.TakeSnapshot().Flows.Single(flow => flow.Priority == 1).Packets;

    /// <summary>1500 bytes do not fit a tunnel by a network of 1500: with Don't Fragment the sender is told what fits, without it the packet arrives.</summary>
    private static void CheckTooLong(ScenarioRun run, VictorLab lab)
    {
        const int payload = 1500 - 20 - 8;
        const ushort port = 4000;
        using Socket receiver = lab.Mobile.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        receiver.Bind(new IPEndPoint(IPAddress.Any, port));
        using Socket sender = OpenSender(lab, port, dontFragment: true);
        run.WaitUntil(() => IsTooLong(sender, payload), "the sender is told that 1500 bytes do not fit");
        int fits = ReadPathMtu(sender);
        run.Check("1500 bytes with Don't Fragment: ICMP says what fits the tunnel", "1480", $"{fits}", fits == 1480);
        using Socket other = OpenSender(lab, port, dontFragment: false);
        other.Send(new byte[payload]);
        bool came = receiver.Poll(ScenarioRun.Patience, SelectMode.SelectRead) && receiver.Receive(new byte[2048]) == payload;
        run.Check("1500 bytes without Don't Fragment arrive whole, in fragments of the outer packet", "1 of 1", came ? "1 of 1" : "0 of 1", came);
    }

    private static Socket OpenSender(VictorLab lab, ushort port, bool dontFragment)
    {
        Socket sender = lab.Correspondent.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        sender.DontFragment = dontFragment;
        sender.Connect(new IPEndPoint(lab.Mobile.IPAddress, port));
        return sender;
    }

    /// <summary>What the sender's kernel has learned of the way to the peer it is connected to: IP_MTU of ip(7).</summary>
    private static int ReadPathMtu(Socket sender)
    {
        const int ipprotoIp = 0;
        const int ipMtu = 14;
        Span<byte> value = stackalloc byte[sizeof(int)];
        sender.GetRawSocketOption(ipprotoIp, ipMtu, value);
        return BitConverter.ToInt32(value);
    }

    private static bool IsTooLong(Socket sender, int payload)
    {
        try
        {
            sender.Send(new byte[payload]);
            return false;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.MessageSize)
        {
            return true;
        }
    }

    private static void CheckBindings(ScenarioRun run, VictorLab lab)
    {
        int[] entries = [.. run.Lab.Switches.Select(element => element.TakeSnapshot().Flows.Count(flow => flow.Match.EndsWith($"nw_dst={Ipv4Text.Format(lab.Mobile.Address)}", StringComparison.Ordinal)))];
        int bindings = lab.Controller.Bindings.Count(binding => binding.Address == lab.Mobile.Address);
        run.Check(
            "the VM has one active binding: a row of the address table, an entry on each element", "1 and 1, 1, 1",
            $"{bindings} and {string.Join(", ", entries)}", bindings == 1 && entries.All(count => count == 1));
        bool isProxied = lab.Stationary.FindNeighbour(lab.Mobile.Address) == VictorLab.RouterAddress;
        run.Check("FE1 proxies for the VM that left its subnet", $"{VictorLab.RouterAddress}", $"{lab.Stationary.FindNeighbour(lab.Mobile.Address)}", isProxied);
    }

    /// <summary>64-byte frames into and out of a tunnel, from memory, one core each way: hosts in namespaces do not make 1.488 million packets a second.</summary>
    private static void CheckRate(ScenarioRun run)
    {
        string seconds = run.Options.Small ? "0.2" : "1";
        double into = 1e6 * ScenarioBench.Run(run.Cancellation, "pipeline", "--actions", "ipip", "--frame", "60", "--seconds", seconds)["mpps"]!.GetValue<double>();
        double outOf = 1e6 * ScenarioBench.Run(run.Cancellation, "pipeline", "--match", "ipip", "--frame", "60", "--seconds", seconds)["mpps"]!.GetValue<double>();
        run.Figure("64-byte frames through the tunnel, one core each way", "none given (1 Gbit/s ports)", $"{into / 1e6:0.0} Mpps in, {outOf / 1e6:0.0} Mpps out");
        run.CheckTime(
            "64-byte frames at the line rate of 1 Gbit/s, one core each way", $"{LineRate / 1e6:0.000} Mpps", $"{into / 1e6:0.0} and {outOf / 1e6:0.0} Mpps",
            into >= LineRate && outOf >= LineRate);
    }

    /// <summary>A handoff. Times are Stopwatch.GetTimestamp's.</summary>
    private sealed record VictorMove(long Left, long Announced, BindingChange Change);

    /// <summary>What passes on the cables of the IP network and of the VM.</summary>
    private sealed class VictorWires
    {
        private readonly FrameCount _tunnelled;
        private readonly FrameCount _bare;
        private readonly FrameCount _delivered;
        private readonly FrameCount _wrong;
        private readonly FrameCount _stillWrapped;
        private readonly WireTap _network;
        private readonly WireTap _mobile;

        public VictorWires(ScenarioRun run, VictorLab lab)
        {
            Be32 sender = lab.Correspondent.Address;
            _network = run.Tap(lab.Core, lab.Core.Interfaces[2]);
            _tunnelled = _network.Count("IP-in-IP", (in frame) => frame.Protocol == IpProtocol.IpInIp);
            _bare = _network.Count("other IPv4", (in frame) => frame.IsIpv4 && frame.Protocol is not (IpProtocol.IpInIp or IpProtocol.Icmp));
            _mobile = run.Tap(lab.Mobile, "eth1");
            _delivered = _mobile.Count("from the correspondent", (in frame) => frame.NetworkSource == sender);
            _wrong = _mobile.Count(
                "with a changed TTL or a wrong checksum", (in frame) => frame.NetworkSource == sender && (frame.TimeToLive != SentTimeToLive || !frame.HasRightHeaderChecksum));
            _stillWrapped = _mobile.Count("IP-in-IP", (in frame) => frame.Protocol == IpProtocol.IpInIp);
        }

        public void Judge(ScenarioRun run)
        {
            _network.Drain();
            _mobile.Drain();
            run.Check("on the IP network the machines' packets are IP-in-IP, and only that", "0 bare, some wrapped", $"{_bare.Total} bare, {_tunnelled.Total} wrapped", _bare.Total == 0 && _tunnelled.Total > 0);
            run.Check(
                "at the VM the outer header is gone, the inner TTL is as sent and its checksum right", $"0 of {_delivered.Total} wrong",
                $"{_stillWrapped.Total} wrapped, {_wrong.Total} wrong", _delivered.Total > 0 && _stillWrapped.Total == 0 && _wrong.Total == 0);
        }
    }
}
