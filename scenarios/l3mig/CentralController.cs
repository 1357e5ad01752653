using System.Diagnostics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>Coordinates the sites: knows where machines are, gives sessions between sites a port of the gateways, and takes a migration through its three phases (draft §5).</summary>
/// <remarks>
/// It has no connection to any switch: what is to change there it asks of the sites' local controllers, which confirm by barriers. Threads: any. It
/// takes no controller's lock, so that local controllers may call it under theirs.
/// </remarks>
/// <param name="makesBeforeBreak">Whether what the VM's sessions will need is added before the move; else all changes after it.</param>
/// <param name="order">One of <see cref="InsertionOrder"/>.</param>
internal sealed class CentralController(
    PortPool ports, Action<string> say, bool makesBeforeBreak = true, string order = InsertionOrder.Together)
{
    /// <summary>VLAN of the tenant's network between virtual switch and gateway.</summary>
    public const ushort TenantVlan = 100;

    /// <summary>VLAN of the hypervisors' network.</summary>
    public const ushort HypervisorVlan = 200;

    /// <summary>Packets make sessions; no more of them than this.</summary>
    public const int MostSessions = 4096;

    private readonly Lock _lock = new();
    private readonly SiteChanges _sites = new(order);
    private readonly Dictionary<Be32, Attachment> _machines = [];
    private readonly Dictionary<Session, SessionRoute> _routes = [];
    private MigrationOrder? _order;
    private SessionRoute? _copy;
    private bool _isMigrating; // from the second phase to the clean-up
    private Confirmation? _switchOver;

    /// <summary>Confirmed once the machine has turned up at its destination and its sessions have followed; null before.</summary>
    public Confirmation? SwitchOver
    {
        get
        {
            lock (_lock)
            {
                return _switchOver;
            }
        }
    }

    /// <summary>Ports that stand for no session.</summary>
    public int FreePorts
    {
        get
        {
            lock (_lock)
            {
                return ports.Free;
            }
        }
    }

    public int Sessions
    {
        get
        {
            lock (_lock)
            {
                return _routes.Count;
            }
        }
    }

    /// <summary>Takes a site in.</summary>
    public void Attach(LocalController owner)
    {
        lock (_lock)
        {
            _sites.Add(owner);
        }
    }

    /// <summary>A machine's Ethernet address, wherever it is; null if none of the sites has it.</summary>
    public MacAddress? FindAddress(Be32 machine)
    {
        lock (_lock)
        {
            return _machines.GetValueOrDefault(machine)?.HardwareAddress;
        }
    }

    public Attachment? FindMachine(Be32 machine)
    {
        lock (_lock)
        {
            return _machines.GetValueOrDefault(machine);
        }
    }

    /// <summary>The gateways' port that stands for a session; null if none does.</summary>
    public ushort? FindPort(Session session)
    {
        lock (_lock)
        {
            return Find(session)?.Assigned;
        }
    }

    /// <summary>A machine was heard of. If it is the one that migrates, and at its destination, its sessions follow: the third phase begins.</summary>
    public void Register(Be32 machine, Attachment place)
    {
        lock (_lock)
        {
            if (_machines.GetValueOrDefault(machine) == place)
            {
                return;
            }
            _machines[machine] = place;
            if (_isMigrating && _switchOver == null && _order!.Machine == machine && _order.Destination == place)
            {
                SwitchSessionsOver();
            }
        }
    }

    /// <summary>A hypervisor has a machine, and knows nothing of it but its Ethernet address.</summary>
    public void Register(Attachment place)
    {
        lock (_lock)
        {
            foreach (Be32 machine in _machines.Where(one => one.Value.HardwareAddress == place.HardwareAddress).Select(one => one.Key).ToArray())
            {
                Register(machine, place);
            }
        }
    }

    /// <summary>A virtual switch had no entry for a packet: it begins a session, or belongs to one whose entries are on their way.</summary>
    /// <param name="isFirst">Whether a session may begin with it.</param>
    /// <param name="port">Of the site's virtual switch. What comes from elsewhere than its sender is discarded.</param>
    public void Open(Session session, bool isFirst, L3Site site, ushort port, ReadOnlySpan<byte> packet)
    {
        lock (_lock)
        {
            if (!_machines.TryGetValue(session.Source, out Attachment? source) || source.Site != site || source.Port != port)
            {
                return;
            }
            SessionRoute? route = Find(session);
            if (route == null)
            {
                if (!isFirst || !_machines.TryGetValue(session.Destination, out Attachment? destination) || _routes.Count >= MostSessions
                    || !TryMakeRoute(session, source, destination, TenantVlan, out route))
                {
                    return;
                }
                Install(route!, Stopwatch.GetTimestamp());
            }
            // Without entries at its new place a machine's packet would come back at once.
            if (route!.IsReady && !(route.Change != null && !makesBeforeBreak && _switchOver is not { IsDone: true }))
            {
                _sites[site].Resend(port, packet.ToArray());
            }
            else
            {
                route.Wait(site, port, packet);
            }
        }
    }

    /// <summary>First phase: path and translation for the copy.</summary>
    /// <exception cref="TestbedException">A migration is under way, a machine is unknown, the copy's connection is in use, or no port is left.</exception>
    public Confirmation PreMigrate(MigrationOrder order)
    {
        lock (_lock)
        {
            long ordered = Stopwatch.GetTimestamp();
            if (_order != null)
            {
                throw new TestbedException($"{Ipv4Text.Format(_order.Machine)} is migrating already");
            }
            if (Find(order.Copy) != null)
            {
                throw new TestbedException($"{order.Copy} is in use already");
            }
            if (!TryMakeRoute(order.Copy, MachineAt(order.Copy.Source), MachineAt(order.Copy.Destination), HypervisorVlan, out _copy))
            {
                throw new TestbedException("no port of the gateways is left for the copy");
            }
            _order = order;
            _switchOver = null;
            say($"pre-migration: {order.Copy} is port {_copy!.Assigned} between the gateways");
            return Install(_copy, ordered);
        }
    }

    /// <summary>Second phase: adds what the machine's sessions will need at its destination, and nothing that touches them where they are.</summary>
    /// <exception cref="TestbedException">There has been no first phase.</exception>
    public Confirmation Migrate()
    {
        lock (_lock)
        {
            long ordered = Stopwatch.GetTimestamp();
            Be32 machine = _order?.Machine ?? throw new TestbedException("no migration is prepared");
            _isMigrating = true;
            PathFlow[] added = [.. _routes.Values.Where(route => route.Session.Concerns(machine)).SelectMany(Plan)];
            say($"migration: {added.Length} entries are added, none changed");
            return Apply(added, FlowModCommand.Add, ordered);
        }
    }

    /// <summary>End of the third phase: the entries of the copy and of the old paths go, and with them the ports they had.</summary>
    /// <exception cref="TestbedException">The machine's sessions have not been switched over.</exception>
    public Confirmation CleanUp()
    {
        lock (_lock)
        {
            if (_switchOver is not { IsDone: true })
            {
                throw new TestbedException("nothing has been switched over yet");
            }
            long ordered = Stopwatch.GetTimestamp();
            var gone = new List<PathFlow>(_copy!.Path);
            foreach (SessionRoute route in _routes.Values.Where(route => route.Change != null))
            {
                gone.AddRange(route.Change!.Gone);
                route.Path = route.Change.Next;
                route.Change = null;
            }
            SessionRoute[] ended = [_copy];
            SessionRoute[] local = [.. _routes.Values.Where(route => route.Assigned != null && !Crosses(route))];
            _order = null;
            _isMigrating = false;
            return Apply(gone, FlowModCommand.DeleteStrict, ordered, () => Release([.. ended, .. local], ended));
        }
    }

    /// <summary>A machine is switched off: its sessions' entries and ports go.</summary>
    public Confirmation End(Be32 machine)
    {
        lock (_lock)
        {
            long ordered = Stopwatch.GetTimestamp();
            SessionRoute[] ended = [.. _routes.Values.Where(route => route.Session.Concerns(machine))];
            return Apply(ended.SelectMany(route => route.Path), FlowModCommand.DeleteStrict, ordered, () => Release(ended, ended));
        }
    }

    private SessionRoute? Find(Session session) => _routes.GetValueOrDefault(session) ?? _routes.GetValueOrDefault(session.Reversed);

    private Attachment MachineAt(Be32 machine) =>
        _machines.GetValueOrDefault(machine) ?? throw new TestbedException($"{Ipv4Text.Format(machine)} is at none of the sites");

    private bool Crosses(SessionRoute route) => SessionPath.CrossesSites(MachineAt(route.Session.Source), MachineAt(route.Session.Destination));

    private bool TryMakeRoute(Session session, Attachment source, Attachment destination, ushort vlan, out SessionRoute? route)
    {
        route = new SessionRoute(session, vlan);
        if (!TryAssign(route, source, destination))
        {
            say($"{session}: no port of the gateways is left");
            return false;
        }
        route.Path = SessionPath.Make(session, source, destination, vlan, route.Assigned ?? 0);
        _routes.Add(session, route);
        return true;
    }

    private bool TryAssign(SessionRoute route, Attachment source, Attachment destination)
    {
        if (route.Assigned != null || !SessionPath.CrossesSites(source, destination))
        {
            return true;
        }
        bool isFree = ports.TryAllocate(out ushort port);
        route.Assigned = isFree ? port : null;
        return isFree;
    }

    private Confirmation Install(SessionRoute route, long ordered)
    {
        PathFlow[] planned = _isMigrating && _switchOver == null && route.Session.Concerns(_order!.Machine) ? [.. Plan(route)] : [];
        return Apply([.. route.Path, .. planned], FlowModCommand.Add, ordered, () => Open(route));
    }

    private void Open(SessionRoute route)
    {
        foreach ((L3Site site, ushort port, byte[] packet) in route.Open())
        {
            _sites[site].Resend(port, packet);
        }
    }

    /// <returns>The entries to add beforehand for the session's path after the migration; none if no port is left for it.</returns>
    private IReadOnlyList<PathFlow> Plan(SessionRoute route)
    {
        Attachment source = AfterMigration(route.Session.Source);
        Attachment destination = AfterMigration(route.Session.Destination);
        if (!TryAssign(route, source, destination))
        {
            say($"{route.Session}: no port of the gateways is left, so it will not survive the migration");
            return [];
        }
        IReadOnlyList<PathFlow> next = SessionPath.Make(route.Session, source, destination, route.Vlan, route.Assigned ?? 0);
        route.Change = PathChange.Between(route.Path, next);
        return makesBeforeBreak ? route.Change.Added : [];
    }

    private Attachment AfterMigration(Be32 machine) => machine == _order!.Machine ? _order.Destination : MachineAt(machine);

    private void SwitchSessionsOver()
    {
        long ordered = Stopwatch.GetTimestamp();
        SessionRoute[] moved = [.. _routes.Values.Where(route => route.Change != null)];
        PathFlow[] changed = [.. moved.SelectMany(route => route.Change!.Changed)];
        PathFlow[] added = makesBeforeBreak ? [] : [.. moved.SelectMany(route => route.Change!.Added)];
        string where = $"{Ipv4Text.Format(_order!.Machine)} is at {_order.Destination.Site.Name}";
        say($"post-migration: {where}, {changed.Length} entries change, {added.Length} are added");
        _switchOver = _sites.Apply(
            _lock, [.. added.Select(flow => (flow, FlowModCommand.Add)), .. changed.Select(flow => (flow, FlowModCommand.ModifyStrict))],
            ordered, () => Array.ForEach(moved, Open));
    }

    private void Release(SessionRoute[] released, SessionRoute[] ended)
    {
        foreach (SessionRoute route in released.Where(route => route.Assigned != null))
        {
            ports.Release(route.Assigned!.Value);
            route.Assigned = null;
        }
        foreach (SessionRoute route in ended)
        {
            _routes.Remove(route.Session);
        }
    }

    private Confirmation Apply(IEnumerable<PathFlow> flows, FlowModCommand command, long ordered, Action? then = null) =>
        _sites.Apply(_lock, flows.Select(flow => (flow, command)), ordered, then);
}
