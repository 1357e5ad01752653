using Softswitch.Lab;
using Softswitch.Lab.Linux;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>A VM's migration between two sites across an IP network, by gateways that rewrite addresses and ports.</summary>
internal sealed class L3MigScenario : Scenario
{
    public override string Name => "l3mig";

    public override string Paper => "Zeng et al., VM migration across layer 3, Internet-Draft draft-zeng-nvo3-l3-vm-migration-00";

    public override string Summary =>
        "Two sites, each with a virtual switch and a gateway switch under a local controller, and an IP network between them that knows only the gateways. A central controller takes "
        + "a VM through the draft's three phases: its memory is copied through six rewrites at each gateway while a TCP session and UDP streams to it go on, before, during and after the move.";

    public override string WithGuests =>
        "The VM is a QEMU guest. Its memory goes from server 1 to server 2 by the connection that the gateways rewrite, behind the copy that is measured, and migrates live. "
        + "While QEMU holds it nothing reaches it: judged is the time from its announcement at the new place on.";

    public override IReadOnlyList<Parameter> Parameters => L3MigParameters.All;

    public override IReadOnlyList<Measure> Measures => L3MigMeasures.All;

    /// <summary>The draft has no figures: these show what it describes.</summary>
    public override IReadOnlyList<PaperFigure> PaperFigures { get; } =
    [
        new PaperFigure(
            "phases", "the draft's three phases (section 5): their times and gaps over the migration's size; the draft gives no figures",
            ["memory=16,64,256,1024"], L3MigMeasures.OfPhases) { Settings = ["part=moves"] },
        new PaperFigure(
            "sessions",
            "the draft's second and third phase over the VM's sessions, entries added before the move or all changed after it; the draft gives no figures",
            ["sessions=1,10,100,1000", "make-before-break=on,off"], L3MigMeasures.OfEntries) { Settings = ["part=moves", "memory=64"] },
    ];

    public override void Check(ParameterValues values, ScenarioOptions options) => L3MigParameters.Check(values, options);

    public override void Run(ScenarioRun run)
    {
        string part = run.Get(L3MigParameters.Part);
        if (part != L3MigParameters.Rates)
        {
            RunLab(run, part);
        }
        if (part is L3MigParameters.Everything or L3MigParameters.Rates)
        {
            CheckRate(run);
        }
    }

    private static void RunLab(ScenarioRun run, string part)
    {
        var lab = new L3MigLab(run);
        run.WaitUntil(() => lab.Owners.All(owner => owner.Switches.Count == 2), "every site's switches are connected");
        run.Say("every site's switches are connected");
        RegisterAll(run, lab);
        if (part != L3MigParameters.Arp)
        {
            L3MigMove.Rehearse(run, lab);
        }
        ushort? released = part switch
        {
            L3MigParameters.Everything or L3MigParameters.Moves => new L3MigMigrations(run, lab).Run(),
            L3MigParameters.Copy => L3MigMigrations.RunCopy(run, lab),
            _ => null,
        };
        if (released is { } port && part != L3MigParameters.Moves)
        {
            new L3MigReturn(run, lab, port).Run();
        }
        if (part is L3MigParameters.Everything or L3MigParameters.Arp)
        {
            new ArpUpload(run, lab).Judge();
        }
        int refused = lab.Owners.Sum(owner => owner.Refusals.Count);
        run.Check("messages that a switch refused", "0", $"{refused}", refused == 0);
    }

    private static void RegisterAll(ScenarioRun run, L3MigLab lab)
    {
        LabHost[] hosts = [lab.NearServer, lab.FarServer, .. lab.Peers];
        IMobileHost[] all = [.. hosts, lab.Machine];
        Array.ForEach(all, host => host.Prepare(host.Current));
        run.Insist(
            () => Array.ForEach(all, host => host.Announce()),
            () => all.Select(host => host.Address).All(address => lab.Central.FindMachine(address) != null),
            "the central controller knows every machine");
    }

    /// <summary>Has a host's stack finish its packets itself, so that what travels is what would on a wire.</summary>
    public static void FinishChecksums(LabHost host, params string[] interfaces)
    {
        foreach (string one in interfaces)
        {
            host.Run<object?>(() =>
            {
                InterfaceFeatures.SetTransmitOffload(one, on: false);
                return null;
            });
        }
    }

    /// <summary>64-byte frames through six rewrites, on one core.</summary>
    private static void CheckRate(ScenarioRun run)
    {
        double rate = ScenarioBench.MeasurePipeline(run, (0.2, 1), "--actions", "translate", "--frame", "60");
        run.Record(L3MigMeasures.RewriteRate, rate);
        run.Figure("64-byte frames through six rewrites, one core", "none given", $"{rate:0.0} Mpps");
        run.CheckLineRate(" through six rewrites, one core", rate);
    }
}
