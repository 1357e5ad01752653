using System.Diagnostics;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Machines;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Controllers;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Scenarios;

/// <summary>What a scenario works with while it runs: its lab, its result, and the means to measure.</summary>
/// <remarks>Threads: one, but for <see cref="Say"/>.</remarks>
internal sealed class ScenarioRun : IDisposable
{
    /// <summary>How long things may take that are a matter of milliseconds on an idle machine.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private const int ShownFlows = 60;
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(1);

    private readonly Action<string> _say;
    private readonly Dictionary<(object Node, string Name), WireTap> _taps = [];
    private readonly List<IDisposable> _streams = [];
    private readonly Dictionary<IMobileHost, List<(LabSwitch Device, ushort Port)>> _places = [];

    /// <param name="say">Takes lines for people about what happens, on any thread.</param>
    public ScenarioRun(Scenario scenario, ScenarioOptions options, ParameterValues values, Action<string> say, CancellationToken cancellation)
    {
        Options = options;
        Values = values;
        Random = new Random(values.Get(Scenario.Seed));
        Cancellation = cancellation;
        _say = say;
        Result = new ScenarioResult(scenario, values, options.UsesGuests);
        Lab = new Testbed(line => Say(line)) { Wiring = CommonParameters.ReadWiring(values) };
        foreach (string line in CommonParameters.Describe(Lab.Wiring))
        {
            Say(line);
        }
    }

    public ScenarioOptions Options { get; }

    public ParameterValues Values { get; }

    /// <summary>By the run's seed.</summary>
    public Random Random { get; }

    public CancellationToken Cancellation { get; }

    public ScenarioResult Result { get; }

    public Testbed Lab { get; }

    /// <summary>The value of one of the scenario's parameters.</summary>
    public T Get<T>(Parameter<T> parameter) => Values.Get(parameter);

    /// <summary>Keeps a number for tables and charts, once a run.</summary>
    /// <param name="measure">One of the scenario's.</param>
    public void Record(Measure measure, double value) => Result.Add(measure, value);

    /// <summary>The one number at full scale, the other at small scale.</summary>
    public int Scale(int full, int small) => Options.Small ? small : full;

    /// <summary>Puts an event on the timeline and shows it.</summary>
    /// <param name="when">Null for now.</param>
    /// <returns>When it was (Stopwatch.GetTimestamp).</returns>
    public long Say(string what, long? when = null)
    {
        long time = Result.Timeline.Add(what, when);
        _say($"{Result.Timeline.SecondsAt(time),9:0.0000}  {what}");
        return time;
    }

    /// <summary>Flow-mods that all switches have carried out.</summary>
    public long CountFlowMods() => Lab.Switches.Sum(device =>
    {
        using ControlScope scope = device.Host.Control.Enter();
        return device.Host.Control.Flows.Done.Sum();
    });

    /// <summary>Adds what must hold.</summary>
    /// <param name="isTime">Whether the machine's speed decides: then, at small scale and where a parameter was set, it is shown and decides nothing.</param>
    public void Check(string what, string wanted, string found, bool holds, bool isTime = false) =>
        Result.Add(new ScenarioCheck(what, wanted, found, holds, !isTime || (!Options.Small && Values.AreDefault)));

    public void CheckTime(string what, string wanted, string found, bool holds) => Check(what, wanted, found, holds, isTime: true);

    /// <summary>Puts our figure beside the paper's.</summary>
    public void Figure(string name, string paper, string ours) => Result.Add(new ScenarioFigure(name, paper, ours));

    /// <summary>Keeps the tables of all switches for the report.</summary>
    /// <param name="when">For people: before, after.</param>
    public void KeepTables(string when)
    {
        foreach (LabSwitch device in Lab.Switches)
        {
            KeepTable(device, when);
        }
    }

    /// <summary>Keeps a switch's table for the report.</summary>
    /// <param name="when">For people: before, after.</param>
    public void KeepTable(LabSwitch device, string when)
    {
        IReadOnlyList<SnapshotFlow> flows = device.TakeSnapshot().Flows;
        Result.Add(new ScenarioTable(
            device.Name, when,
            [.. flows.OrderByDescending(flow => flow.Priority).Take(ShownFlows).Select(flow => $"{flow.Packets} packets: {flow.Match} actions={flow.Actions}")],
            flows.Count));
    }

    /// <summary>Adds a host that moves: a guest where they are asked for, which its hypervisor announces by RARP, else a namespace.</summary>
    /// <param name="cardOptions">As <see cref="LabMachine.CardOptions"/>. Without <c>guest_announce=off</c> a guest announces itself by gratuitous ARP too.</param>
    /// <param name="x">As of <see cref="Testbed.Add"/>.</param>
    /// <param name="y">As of <see cref="Testbed.Add"/>.</param>
    public IMobileHost AddMobile(
        string name, MacAddress hardwareAddress, Ipv4Prefix address, Be32? gateway, double x, double y, string cardOptions = "guest_announce=off") =>
        Options.UsesGuests
            ? Lab.Add(new LabMachine(name, hardwareAddress, address, gateway) { CardOptions = cardOptions }, x, y)
            : Lab.Add(new LabHost(name, hardwareAddress, address, gateway), x, y);

    /// <summary>Gives a host that moves its next place.</summary>
    public void Connect(IMobileHost host, LabSwitch device, ushort port)
    {
        _places[host] = [.. _places.GetValueOrDefault(host, []), (device, port)];
        if (host is LabMachine machine)
        {
            Lab.Connect(machine, device, port);
        }
        else
        {
            Lab.Connect((LabHost)host, device, port);
        }
    }

    /// <summary>Makes a place ready for a host; of a TAP device the switch hears later than the host, and it takes nothing until then.</summary>
    public void Prepare(IMobileHost host, int place)
    {
        host.Prepare(place);
        if (host is LabHost)
        {
            (LabSwitch device, ushort port) = _places[host][place];
            WaitUntil(() => device.IsLinkUp(port), $"the link at {device.Name} is up");
        }
    }

    /// <summary>Moves a host to another place.</summary>
    /// <param name="leaves">Which host moves where, for people.</param>
    /// <param name="announce">What a namespace does when it is there; a guest's hypervisor does it.</param>
    /// <param name="hasFollowed">Whether the network has.</param>
    /// <param name="what">For the complaint if it does not.</param>
    public HostMove Move(IMobileHost host, int place, string leaves, Action announce, Func<bool> hasFollowed, string what)
    {
        long flowMods = CountFlowMods();
        Prepare(host, place);
        long left = Say(leaves);
        MigrationFigures? figures = host.MoveTo(place);
        long arrived = Stopwatch.GetTimestamp();
        if (figures == null)
        {
            announce();
        }
        WaitUntil(hasFollowed, what);
        return new HostMove(place, left, arrived, CountFlowMods() - flowMods, figures);
    }

    /// <summary>Looks at one end of a cable until the run is over; the same tap each time it is asked for.</summary>
    public WireTap Tap(LabNode node, string interfaceName) => Tap(node, node.Name, interfaceName, path => WireTap.Open(node, interfaceName, path));

    /// <summary>As the other, at the end of a host that moves.</summary>
    public WireTap Tap(IMobileHost host, int place) => Tap(host, host.Name, NameOf(place), path => WireTap.Open(host, place, path));

    private WireTap Tap(object node, string nodeName, string interfaceName, Func<string?, WireTap> open)
    {
        if (_taps.TryGetValue((node, interfaceName), out WireTap? known))
        {
            return known;
        }
        string? path = Options.CaptureFolder == null ? null : Path.Combine(Options.CaptureFolder, $"{Result.Scenario.Name}-{nodeName}-{interfaceName}.pcap");
        WireTap tap = open(path);
        _taps.Add((node, interfaceName), tap);
        return tap;
    }

    /// <summary>Looks no more, before more passes than can be looked at.</summary>
    public void EndTap(LabNode node, string interfaceName) => EndTap((object)node, interfaceName);

    /// <summary>As the other, at the end of a host that moves.</summary>
    public void EndTap(IMobileHost host, int place) => EndTap(host, NameOf(place));

    private static string NameOf(int place) => $"eth{place}";

    private void EndTap(object node, string interfaceName)
    {
        if (_taps.Remove((node, interfaceName), out WireTap? tap))
        {
            tap.Dispose();
        }
    }

    /// <summary>Hands a stream over, to be ended with the run at the latest.</summary>
    public T Own<T>(T stream)
        where T : IDisposable
    {
        _streams.Add(stream);
        return stream;
    }

    /// <exception cref="TestbedException">A switch has failed.</exception>
    public void Wait(TimeSpan time)
    {
        Cancellation.WaitHandle.WaitOne(time);
        Cancellation.ThrowIfCancellationRequested();
        if (Lab.FindFailure() is { } failure)
        {
            throw new TestbedException(failure);
        }
    }

    /// <summary>Returns when something is so.</summary>
    /// <param name="what">For the complaint if it does not become so.</param>
    /// <param name="patience">Null for <see cref="Patience"/>.</param>
    public void WaitUntil(Func<bool> isSo, string what, TimeSpan? patience = null)
    {
        if (!Await(isSo, patience))
        {
            throw new TestbedException($"waited {(patience ?? Patience).TotalSeconds:0} s in vain until {what}");
        }
    }

    /// <summary>Returns when something is so, or patience is over: for what is judged and another thread is about to bring about.</summary>
    /// <param name="patience">As above.</param>
    /// <returns>Whether it is so.</returns>
    public bool Await(Func<bool> isSo, TimeSpan? patience = null)
    {
        long began = Stopwatch.GetTimestamp();
        while (!isSo())
        {
            if (Stopwatch.GetElapsedTime(began) > (patience ?? Patience))
            {
                return false;
            }
            Wait(TimeSpan.FromMilliseconds(2));
        }
        return true;
    }

    /// <summary>Does something, and again every second, until what it is to bring about is so: packets are lost while links come up and queues are full.</summary>
    /// <param name="interval">Null for a second.</param>
    public void Insist(Action act, Func<bool> isSo, string what, TimeSpan? interval = null)
    {
        act();
        long last = Stopwatch.GetTimestamp();
        WaitUntil(
            () =>
            {
                bool done = isSo();
                if (!done && Stopwatch.GetElapsedTime(last) > (interval ?? AskAgain))
                {
                    act();
                    last = Stopwatch.GetTimestamp();
                }
                return done;
            },
            what);
    }

    /// <summary>Returns when switches have done all that they were sent.</summary>
    /// <returns>When the last said so (Stopwatch.GetTimestamp).</returns>
    public long Settle(params IEnumerable<SwitchConnection> switches)
    {
        SwitchConnection[] all = [.. switches];
        long[] answered = new long[all.Length];
        for (int i = 0; i < all.Length; i++)
        {
            int place = i;
            all[i].Barrier(when => Volatile.Write(ref answered[place], when));
            all[i].Flush();
        }
        WaitUntil(() => answered.All(when => when != 0), "every switch answers a barrier");
        return answered.Append(0).Max();
    }

    public void Dispose()
    {
        _streams.ForEach(stream => stream.Dispose());
        foreach (WireTap tap in _taps.Values)
        {
            tap.Dispose();
        }
        Lab.Dispose();
    }
}
