using System.Diagnostics;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>A move that is done.</summary>
/// <param name="Done">When the last of the sessions' entries was confirmed (Stopwatch.GetTimestamp).</param>
internal sealed record L3MigMoved(HostMove Move, long Done)
{
    public long Left => Move.Left;

    public MigrationFigures? Figures => Move.Figures;
}

/// <summary>What the hypervisors and the VM do in a migration.</summary>
internal static class L3MigMove
{
    /// <summary>Where a hypervisor takes memory copies.</summary>
    public const ushort MigrationPort = 8002;

    private const ushort FirstRehearsalPort = 49_160;

    /// <summary>An order to bring the VM to one of its places.</summary>
    /// <param name="copyPort">From where the hypervisor that has it copies.</param>
    public static MigrationOrder Order(L3MigLab lab, int place, ushort copyPort)
    {
        (LabHost from, LabHost to, L3Site site) = place == 0
            ? (lab.FarServer, lab.NearServer, L3MigLab.NearSite)
            : (lab.NearServer, lab.FarServer, L3MigLab.FarSite);
        return new MigrationOrder(
            lab.Machine.Address, new Attachment(site, lab.Machine.HardwareAddress, L3MigLab.MachineAt),
            new Session(IpProtocol.Tcp, from.Address, to.Address, copyPort, MigrationPort));
    }

    public static void Await(ScenarioRun run, Confirmation confirmation, string what) => run.WaitUntil(() => confirmation.IsDone, what);

    /// <summary>The VM stops here and goes on there, and says so; its sessions follow.</summary>
    public static L3MigMoved Go(ScenarioRun run, L3MigLab lab, int place)
    {
        HostMove move = run.Move(
            lab.Machine, place, $"the VM leaves for site {place + 1}", lab.Machine.Announce, () => lab.Central.SwitchOver is { IsDone: true },
            "the sessions are switched over");
        var moved = new L3MigMoved(move, lab.Central.SwitchOver!.DoneAt!.Value);
        run.Say($"switched over {Stopwatch.GetElapsedTime(moved.Left, moved.Done).TotalMilliseconds:0.0} ms after the VM stood still", moved.Done);
        return moved;
    }

    /// <summary>Brings the VM to one of its places without a copy, unmeasured.</summary>
    /// <param name="copyPort">As of <see cref="Order"/>.</param>
    public static void Bring(ScenarioRun run, L3MigLab lab, int place, ushort copyPort)
    {
        Await(run, lab.Central.PreMigrate(Order(lab, place, copyPort)), "pre-migration is confirmed");
        Await(run, lab.Central.Migrate(), "migration's entries are confirmed");
        Settle(run, lab);
        Go(run, lab, place);
        Await(run, lab.Central.CleanUp(), "the clean-up is confirmed");
        Settle(run, lab);
    }

    /// <summary>Returns when the switches have carried out what they were sent, where no barrier has said so.</summary>
    public static void Settle(ScenarioRun run, L3MigLab lab)
    {
        if (!run.Get(L3MigParameters.Barriers))
        {
            run.WaitUntil(() => run.CountFlowMods() >= lab.CountFlowMods(), "the switches have carried out every flow-mod");
        }
    }

    /// <summary>There and back, because the compiler sees the code for the first time.</summary>
    public static void Rehearse(ScenarioRun run, L3MigLab lab)
    {
        run.Say("rehearsal: there and back");
        Bring(run, lab, place: 1, FirstRehearsalPort);
        Bring(run, lab, place: 0, FirstRehearsalPort + 1);
    }
}
