using Softswitch.Datapath.Headers;
using Softswitch.Hosting.Configuration;
using Softswitch.Scenarios.L3Mig;
using static Softswitch.Lab.AddressLiterals;

namespace Softswitch.Scenarios.Tests;

/// <summary>Which switches the central controller tells of a migration's entries, and when.</summary>
/// <remarks>None is connected: each entry is missed by a line.</remarks>
public sealed class L3MigMigrationTests : IDisposable
{
    private const int OfCopy = 8;
    private static readonly MacAddress Hardware = Mac("02:00:00:09:00:36");
    private static readonly Be32 Machine = Address("10.9.0.36");
    private static readonly Be32 Peer = Address("10.9.0.11");
    private static readonly Be32 Near = Address("10.1.0.2");
    private static readonly Be32 Far = Address("10.2.0.2");
    private static readonly Session Watched = new(IpProtocol.Udp, Peer, Machine, 50_000, 4000);
    private static readonly Attachment Destination = new(L3MigLab.FarSite, Hardware, L3MigLab.MachineAt);

    private readonly List<LocalController> _owners = [];
    private readonly List<string> _missed = []; // the switches, in the order in which they were told

    [Fact]
    public void Make_before_break_changes_one_entry_when_the_machine_has_moved()
    {
        CentralController central = Begin(makesBeforeBreak: true);
        Assert.Equal(OfCopy, CountDuring(() => central.PreMigrate(Order)));
        Assert.Equal(7, CountDuring(() => central.Migrate()));
        Assert.Equal(1, CountDuring(() => central.Register(Machine, Destination)));
        Assert.True(central.SwitchOver is { IsDone: true });
        Assert.Equal(OfCopy + 1, CountDuring(() => central.CleanUp()));
    }

    [Fact]
    public void Without_make_before_break_everything_changes_when_the_machine_has_moved()
    {
        CentralController central = Begin(makesBeforeBreak: false);
        central.PreMigrate(Order);
        Assert.Equal(0, CountDuring(() => central.Migrate()));
        Assert.Equal(8, CountDuring(() => central.Register(Machine, Destination)));
        Assert.Equal(OfCopy + 1, CountDuring(() => central.CleanUp()));
    }

    [Theory]
    [InlineData(InsertionOrder.GatewaysFirst, 0x12, 0x22, 0x11, 0x21)]
    [InlineData(InsertionOrder.OneByOne, 0x12, 0x22, 0x11, 0x21)]
    public void Gateways_are_told_before_the_virtual_switches_that_send_to_them(string insertion, params int[] order)
    {
        CentralController central = Begin(makesBeforeBreak: true, insertion);
        _missed.Clear();
        central.PreMigrate(Order);
        Assert.Equal(order.Select(device => $"{device:x}"), _missed.Distinct());
    }

    [Theory]
    [InlineData(InsertionOrder.Together, 1)]
    [InlineData(InsertionOrder.GatewaysFirst, 2)]
    [InlineData(InsertionOrder.OneByOne, 4)]
    public void Each_round_of_changes_waits_for_the_one_before(string insertion, int rounds)
    {
        ulong[] switches = [0x11, 0x12, 0x21, 0x22, 0x11, 0x12];
        IReadOnlyList<ulong>[] split = [.. ChangeRounds.Split(switches, insertion, device => device, device => (device & 0xf) == 2)];
        Assert.Equal(rounds, split.Length);
        Assert.Equal(switches.Order(), split.SelectMany(round => round).Order());
    }

    [Theory]
    [InlineData("link-rate", false, "link-rate=20")]
    [InlineData("memory", true, "memory=64")]
    [InlineData("memory", false, "part=copy,memory=64")]
    [InlineData("memory", false, "part=moves,memory=1000,copy-rate=1")] // 8,000 s
    [InlineData("memory", false, "part=moves,memory=1000,copy-rate=100,rate=20000,moves=4")] // 320 s
    [InlineData("make-before-break", true, "make-before-break=off")]
    public void What_does_not_go_together_is_refused_by_its_key(string key, bool usesGuests, string setting)
    {
        OptionException refusal = Assert.Throws<OptionException>(
            () => ParameterValues.Parse(new L3MigScenario(), new ScenarioOptions { UsesGuests = usesGuests }, [setting]));
        Assert.StartsWith($"{key}: ", refusal.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _owners.ForEach(owner => owner.Dispose());

    private static MigrationOrder Order =>
        new(Machine, Destination, new Session(IpProtocol.Tcp, Near, Far, 49_200, L3MigMove.MigrationPort));

    /// <summary>Two sites, and a session between two machines at the first of them.</summary>
    private CentralController Begin(bool makesBeforeBreak, string insertion = InsertionOrder.Together)
    {
        var central = new CentralController(new PortPool(L3MigLab.FirstPort, 10), static _ => { }, makesBeforeBreak, insertion);
        foreach (L3Site site in new[] { L3MigLab.NearSite, L3MigLab.FarSite })
        {
            var owner = new LocalController(site, central, line => _missed.Add(line.Split("switch ")[1].Split(' ')[0]));
            _owners.Add(owner);
            central.Attach(owner);
        }
        central.Register(Machine, new Attachment(L3MigLab.NearSite, Hardware, L3MigLab.MachineAt));
        central.Register(Peer, new Attachment(L3MigLab.NearSite, Mac("02:00:00:09:00:11"), L3MigLab.PeerAt));
        central.Register(Near, new Attachment(L3MigLab.NearSite, Mac("02:00:00:0a:01:02"), L3MigLab.ServerAt));
        central.Register(Far, new Attachment(L3MigLab.FarSite, Mac("02:00:00:0a:02:02"), L3MigLab.ServerAt));
        Assert.Equal(2, CountDuring(() => central.Open(Watched, isFirst: true, L3MigLab.NearSite, L3MigLab.PeerAt, [])));
        return central;
    }

    private int CountDuring(Action change)
    {
        int before = _missed.Count;
        change();
        return _missed.Count - before;
    }
}
