using System.Diagnostics;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>What the hypervisors and the VM do in a migration.</summary>
internal static class L3MigMove
{
    /// <summary>Where a hypervisor takes memory copies.</summary>
    public const ushort MigrationPort = 8002;

    private const ushort FirstRehearsalPort = 49_160;

    /// <summary>An order to bring the VM to the place that one of its cables leads to.</summary>
    /// <param name="copyPort">From where the hypervisor that has it copies.</param>
    public static MigrationOrder Order(L3MigLab lab, int cable, ushort copyPort)
    {
        (LabHost from, LabHost to, L3Site site) = cable == 0
            ? (lab.FarServer, lab.NearServer, L3MigLab.NearSite)
            : (lab.NearServer, lab.FarServer, L3MigLab.FarSite);
        return new MigrationOrder(
            lab.Machine.Address, new Attachment(site, lab.Machine.HardwareAddress, L3MigLab.MachineAt),
            new Session(IpProtocol.Tcp, from.Address, to.Address, copyPort, MigrationPort));
    }

    public static void Await(ScenarioRun run, Confirmation confirmation, string what) => run.WaitUntil(() => confirmation.IsDone, what);

    /// <summary>The VM stops here and goes on there, and says so; its sessions follow.</summary>
    /// <returns>When it left (Stopwatch.GetTimestamp).</returns>
    public static long Go(ScenarioRun run, L3MigLab lab, int cable)
    {
        lab.Machine.Prepare(cable);
        long left = run.Say($"the VM leaves for site {cable + 1}");
        lab.Machine.MoveTo(cable);
        lab.Machine.Announce();
        run.WaitUntil(() => lab.Central.SwitchOver is { IsDone: true }, "the sessions are switched over");
        long done = lab.Central.SwitchOver!.DoneAt!.Value;
        run.Say($"switched over {Stopwatch.GetElapsedTime(left, done).TotalMilliseconds:0.0} ms after the VM left", done);
        return left;
    }

    /// <summary>There and back without a copy and unmeasured, because the compiler sees the code for the first time.</summary>
    public static void Rehearse(ScenarioRun run, L3MigLab lab)
    {
        run.Say("rehearsal: there and back");
        foreach (int cable in new[] { 1, 0 })
        {
            Await(run, lab.Central.PreMigrate(Order(lab, cable, (ushort)(FirstRehearsalPort + cable))), "pre-migration is confirmed");
            Await(run, lab.Central.Migrate(), "migration's entries are confirmed");
            Go(run, lab, cable);
            Await(run, lab.Central.CleanUp(), "the clean-up is confirmed");
        }
    }
}
