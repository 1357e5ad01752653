using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.Scenarios.Victor;

/// <summary>VICTOR: three forwarding elements as one router; a host moves between two of them and keeps its address.</summary>
internal sealed class VictorScenario : Scenario
{
    private const int UnknownPackets = 100;
    private const int LeastPings = 3; // in a pause, so that there are answers between two handoffs
    private const int MostHandoff = 500; // ms, with what a busy machine takes
    private const int HostsAtOnce = 100; // that are registered: what waits for the controller is bounded

    public override string Name => "victor";

    public override string Paper => "Hao et al., Enhancing Dynamic Cloud-based Services using Network Virtualization, VISA 2009";

    public override string Summary =>
        "Three forwarding elements with an IP-in-IP mesh between them are one router. A machine registers by the ARP it broadcasts; the controller sets its binding on all three. "
        + "While it is pinged every 10 ms, and pings, it moves from FE1 to FE3 and back again.";

    public override string WithGuests =>
        "The VM is a QEMU guest that migrates live. Its hypervisor announces it by RARP, and it does by ARP. While QEMU holds it, pings are lost whatever the network does: judged is what the network adds.";

    public override IReadOnlyList<Parameter> Parameters => VictorParameters.Every;

    public override IReadOnlyList<Measure> Measures => VictorParameters.Measures;

    public override IReadOnlyList<PaperFigure> PaperFigures => VictorParameters.PaperFigures;

    public override void Check(ParameterValues values, ScenarioOptions options)
    {
        values.CheckPart(VictorParameters.Part, VictorParameters.MattersTo);
        InsertionOrder.Check(values, VictorParameters.Order, VictorParameters.Barriers, VictorParameters.MakeBeforeBreak);
        (int pings, int moves, int pause) = (values.Get(VictorParameters.Pings), values.Get(VictorParameters.Moves), values.Get(VictorParameters.Pause));
        if (pings * pause < LeastPings * 1000)
        {
            throw new OptionException($"{VictorParameters.Pause.Key}: {pause} ms at {VictorParameters.Pings.Key}={pings} are fewer than {LeastPings} pings");
        }
        if (pings * (moves + 1.0) * (pause + MostHandoff) / 1000 > PingStream.MostPings)
        {
            throw new OptionException(
                $"{VictorParameters.Moves.Key}: {moves} at {VictorParameters.Pings.Key}={pings} and {VictorParameters.Pause.Key}={pause} "
                + $"may be more than {PingStream.MostPings} pings, and their sequence number has 16 bits");
        }
        if (values.Get(VictorParameters.Part) == VictorParameters.Rates && !HasBenchmark(values.Get(VictorParameters.Tunnel)))
        {
            throw new OptionException(
                $"{VictorParameters.Tunnel.Key}: of {values.Get(VictorParameters.Tunnel)} no rate is measured; "
                + $"it is with {VictorParameters.Part.Key}={VictorParameters.Handoffs}");
        }
    }

    public override void Run(ScenarioRun run)
    {
        string part = run.Get(VictorParameters.Part);
        if (part != VictorParameters.Rates)
        {
            RunLab(run, isWhole: part == VictorParameters.All);
        }
        if (part != VictorParameters.Handoffs)
        {
            CheckRate(run);
        }
    }

    private static void RunLab(ScenarioRun run, bool isWhole)
    {
        var lab = new VictorLab(run);
        run.WaitUntil(() => lab.Controller.Switches.Count == lab.Elements.Count, "all forwarding elements are connected");
        run.Say($"{lab.Elements.Count} forwarding elements are connected");
        if (isWhole)
        {
            LoadTable(run, lab);
        }
        RegisterAll(run, lab);
        run.KeepTable(lab.Second, "before");

        var wires = new VictorWires(run, lab);
        new VictorHandoffs(run, lab).Run();
        wires.Judge(run);
        if (isWhole)
        {
            CheckUnknown(run, lab);
            CheckTooLong(run, lab);
        }
        CheckBindings(run, lab);
        run.KeepTables("after");
    }

    /// <summary>Whether <c>bench pipeline</c> has it.</summary>
    private static bool HasBenchmark(string tunnel) => tunnel != "capsulator";

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
        run.Settle(to);
        foreach (ParsedFlow flow in flows)
        {
            FlowMod mod = flow.ToFlowMod();
            mod.Command = FlowModCommand.DeleteStrict;
            to.Send(mod);
        }
        run.Settle(to);
        return [.. lab.Controller.Refusals.Where(error => sent.Contains(error.Xid)).Select(error => error.Error)];
    }

    private static void RegisterAll(ScenarioRun run, VictorLab lab)
    {
        IMobileHost[] all = [lab.Mobile, .. lab.Stay];
        Array.ForEach(all, host => host.Prepare(host.Current));
        int known = all.Length;
        run.Insist(
            () => Array.ForEach(all, host => host.Announce()), () => lab.Controller.Changes.Count == known, "all hosts are registered on all elements");
        int hosts = run.Get(VictorParameters.Hosts);
        lab.IsQuiet = hosts > 0;
        for (int first = 0; first < hosts; first += HostsAtOnce)
        {
            int last = Math.Min(first + HostsAtOnce, hosts);
            int[] batch = [.. Enumerable.Range(first, last - first)];
            run.Insist(
                () => Array.ForEach(batch, number => Announce(lab.Remote, number)), () => lab.Controller.Changes.Count == known + last,
                "all that are behind h1 are registered on all elements");
        }
        lab.IsQuiet = false;
    }

    /// <summary>Broadcasts the ARP of another machine that is at a host's port.</summary>
    private static void Announce(LabHost at, int number)
    {
        var hardware = new MacAddress(0x0200_000b_0000UL + (uint)number);
        var address = Be32.FromHost(AddressLiterals.Address("10.2.64.1").Host + (uint)number);
        at.SendFrame(new ArpMessage(ArpMessage.Request, hardware, address, default, address).ToFrame(MacAddress.Broadcast));
    }

    private static void CheckUnknown(ScenarioRun run, VictorLab lab)
    {
        ulong before = CountDiscarded(lab);
        using Socket socket = lab.Correspondent.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        var nobody = new IPEndPoint(new IPAddress(AddressLiterals.Address("10.99.99.99").Raw), 9);
        for (int i = 0; i < UnknownPackets; i++)
        {
            socket.SendTo(new byte[32], nobody);
        }
        run.WaitUntil(() => CountDiscarded(lab) - before >= UnknownPackets, "packets to nobody are discarded");
        ulong found = CountDiscarded(lab) - before;
        run.Check("packets to a destination without a binding are discarded and counted", $"{UnknownPackets} of {UnknownPackets}", $"{found}", found == UnknownPackets);
    }

    private static ulong CountDiscarded(VictorLab lab) => lab.Second.TakeSnapshot().Flows.Single(flow => flow.Priority == 1).Packets;

    /// <summary>1500 bytes do not fit a tunnel by a network of 1500: without Don't Fragment the packet arrives, with it the sender is told what fits.</summary>
    private static void CheckTooLong(ScenarioRun run, VictorLab lab)
    {
        int longest = 1500 - WrappingLength(run.Get(VictorParameters.Tunnel));
        const int payload = 1500 - 20 - 8;
        const ushort port = 4000;
        using Socket? receiver = lab.Mobile.Listen(ProtocolType.Udp, port);
        FrameCount whole = run.Tap(lab.Mobile, lab.Mobile.Current).Count(
            "1500 bytes", (in frame) => !frame.IsOutgoing && frame.DestinationPort == port && frame.Frame.Length == 14 + 1500);
        // First, as a sender that knows what fits cuts its packets itself.
        using Socket other = OpenSender(lab, port, dontFragment: false);
        other.Send(new byte[payload]);
        run.WaitUntil(() => whole.Total > 0, "1500 bytes are at the VM");
        run.Check("1500 bytes without Don't Fragment arrive whole, in fragments of the outer packet", "1 of 1", $"{whole.Total} of 1", whole.Total == 1);
        using Socket sender = OpenSender(lab, port, dontFragment: true);
        run.WaitUntil(() => IsTooLong(sender, payload), "the sender is told that 1500 bytes do not fit");
        int fits = ReadPathMtu(sender);
        run.Check("1500 bytes with Don't Fragment: ICMP says what fits the tunnel", $"{longest}", $"{fits}", fits == longest);
    }

    /// <summary>Bytes that the tunnel puts in front of an IPv4 packet, behind the outer Ethernet header.</summary>
    private static int WrappingLength(string tunnel) => tunnel switch
    {
        "gre" => 20 + 4 + 14,
        "vxlan" => 20 + 8 + 8 + 14,
        "capsulator" => 20 + 4 + 14,
        _ => 20,
    };

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
            "the VM has one active binding: a row of the address table, an entry on each element", $"1 and {string.Join(", ", entries.Select(_ => 1))}",
            $"{bindings} and {string.Join(", ", entries)}", bindings == 1 && entries.All(count => count == 1));
        bool isProxied = run.Await(() => lab.Stationary.FindNeighbour(lab.Mobile.Address) == VictorLab.RouterAddress);
        run.Check("FE1 proxies for the VM that left its subnet", $"{VictorLab.RouterAddress}", $"{lab.Stationary.FindNeighbour(lab.Mobile.Address)}", isProxied);
    }

    /// <summary>64-byte frames into and out of a tunnel, one core each way.</summary>
    private static void CheckRate(ScenarioRun run)
    {
        string tunnel = run.Get(VictorParameters.Tunnel);
        if (!HasBenchmark(tunnel))
        {
            run.Say($"one core's rate by {tunnel} is not measured");
            return;
        }
        double into = Measure("--actions");
        double outOf = Measure("--match");
        run.Record(VictorParameters.IntoTunnel, into);
        run.Record(VictorParameters.OutOfTunnel, outOf);
        run.Figure("64-byte frames through the tunnel, one core each way", "none given (1 Gbit/s ports)", $"{into:0.0} Mpps in, {outOf:0.0} Mpps out");
        run.CheckLineRate(", one core each way", into, outOf);

        double Measure(string option) => ScenarioBench.MeasurePipeline(run, (0.2, 1), option, tunnel, "--frame", "60");
    }
}
