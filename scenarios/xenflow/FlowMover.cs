using System.Diagnostics;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;
using Softswitch.Scenarios.Controllers;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>Moves a router's flows from one switch to another: adds them there, turns the links, lets the old path run dry, deletes the old ones.</summary>
/// <remarks>Threads: everything under the controller's lock.</remarks>
/// <param name="find">A switch by its datapath id; null while it is not connected.</param>
/// <param name="machines">The router's ports on each physical machine, by datapath id.</param>
internal sealed class FlowMover(
    FlowMove move, Func<ulong, SwitchConnection?> find, RouterFlows router, IReadOnlyDictionary<ulong, RouterPorts> machines, IReadOnlyList<LinkSwitch> links)
{
    /// <summary>Ethernet type of the probe that shows that what was sent before it has passed: IEEE's first for local experiments.</summary>
    public const ushort ProbeType = 0x88b5;

    public const int ProbeLength = 60;

    private uint _selection; // xid of the request that selects what moves

    public FlowMove Move => move;

    /// <summary>Called once links send to the destination.</summary>
    public required Action OnLinked { get; init; }

    /// <summary>Called before the move counts as done.</summary>
    public required Action OnEnd { get; init; }

    /// <summary>Asks the source for its flows, with which the move begins.</summary>
    public void Start(SwitchConnection source)
    {
        FlowFilter all = new(FlowMatch.Any);
        _selection = source.Send((buffer, xid) => FlowStatsMessage.WriteRequest(buffer, xid, all));
        source.Flush();
    }

    /// <summary>A part of the source's answer.</summary>
    public void TakeFlows(SwitchConnection from, uint xid, ReadOnlySpan<byte> body, bool isLast)
    {
        if (from.DatapathId != move.From || xid != _selection)
        {
            return;
        }
        FlowAction[] storage = new FlowAction[OfActions.MaxCount];
        while (FlowStatsMessage.TryReadEntry(ref body, storage, out FlowStatistics flow))
        {
            Select(flow);
        }
        if (isLast)
        {
            _selection = 0;
            Begin(from);
        }
    }

    /// <summary>A flow that is new on a switch. One that the source gets while flows move belongs to them.</summary>
    public void AddNew(SwitchConnection on, MigratingFlow flow)
    {
        if (on.DatapathId == move.From && TryTranslate(flow, out MigratingFlow translated))
        {
            move.Flows.Add(translated);
            RouterFlows.Install(find(move.To), translated);
        }
    }

    /// <summary>Sends probes again that have not come back; one may have been lost where too much was sent.</summary>
    public void ProbeAgain()
    {
        if (move is { LinkedAt: > 0, DrainedAt: 0, Steps: { BreaksFirst: false, Probes: true } })
        {
            Probe();
        }
    }

    /// <summary>A probe that has come out of a switch.</summary>
    /// <param name="link">By which it came.</param>
    public void TakeProbe(SwitchConnection from, LinkSwitch link)
    {
        if (move is not { LinkedAt: > 0, DrainedAt: 0 } || from.DatapathId != move.From)
        {
            return;
        }
        move.Drained.Add(link.DatapathId);
        if (move.Drained.Count == links.Count)
        {
            move.DrainedAt = Stopwatch.GetTimestamp();
            DeleteOld();
        }
    }

    private void Select(in FlowStatistics flow)
    {
        if (flow.Match.Wildcards == FlowWildcards.None && router.AreFor(flow.Match.DlDst)
            && TryTranslate(new MigratingFlow(flow.Match, flow.Priority, flow.IdleTimeoutSeconds, flow.Cookie, flow.Actions.ToArray()), out MigratingFlow translated))
        {
            move.Flows.Add(translated);
        }
    }

    private bool TryTranslate(MigratingFlow flow, out MigratingFlow translated) => machines[move.From].TryTranslate(flow, machines[move.To], out translated);

    private void Begin(SwitchConnection source)
    {
        if (!move.Steps.BreaksFirst)
        {
            AddAll();
            return;
        }
        router.Delete(source, "ip");
        After([source], when =>
        {
            move.DeletedAt = when;
            AddAll();
        });
    }

    private void AddAll()
    {
        if (find(move.To) is not { } destination)
        {
            return;
        }
        move.Flows.ForEach(flow => RouterFlows.Install(destination, flow));
        After([destination], when =>
        {
            move.AddedAt = when;
            ChangeLinks();
        });
    }

    private void ChangeLinks()
    {
        SwitchConnection[] ends = [.. links.Select(link => find(link.DatapathId)).OfType<SwitchConnection>()];
        foreach (SwitchConnection end in ends)
        {
            end.Send($"in_port=1,actions=output:{PortTo(move.To, end.DatapathId)}", FlowSyntaxMode.ModifyStrict);
        }
        After(ends, when =>
        {
            move.LinkedAt = when;
            OnLinked();
            if (move.Steps.BreaksFirst)
            {
                End();
            }
            else if (move.Steps.Probes)
            {
                Probe();
            }
            else
            {
                DeleteOld();
            }
        });
    }

    /// <summary>Goes on once these switches have confirmed all before; at once, and with the time now, where the move does not wait.</summary>
    private void After(IReadOnlyList<SwitchConnection> told, Action<long> next) =>
        ScenarioController.Change(told, move.Steps.Waits, static _ => { }, times => next(times.Max()));

    /// <summary>
    /// Sends a probe by each link to where the router was. A link switch's barrier says that it sends nothing there any more, not that what it sent has been
    /// treated there: entries deleted now could be missed by packets that wait in front of the switch. A probe waits behind them.
    /// </summary>
    private void Probe()
    {
        foreach (LinkSwitch link in links.Where(link => !move.Drained.Contains(link.DatapathId)))
        {
            byte[] frame = new byte[ProbeLength];
            MacAddress.Broadcast.CopyTo(frame);
            router.Left.CopyTo(frame.AsSpan(MacAddress.Size));
            frame[12] = ProbeType >> 8;
            frame[13] = ProbeType & 0xff;
            find(link.DatapathId)?.Send(new PacketOut { Actions = [FlowAction.Output(link.Ports[move.From])], Data = frame });
            find(link.DatapathId)?.Flush();
        }
    }

    private void DeleteOld()
    {
        if (find(move.From) is not { } source)
        {
            return;
        }
        if (move.Steps.Waits)
        {
            source.Barrier(static _ => { }); // ends the pass that took the last packets, before the deletion behind it
        }
        router.Delete(source, "ip");
        After([source], when =>
        {
            move.DeletedAt = when;
            End();
        });
    }

    /// <summary>Where no step waited, it ends with a barrier to all: it is measured until then.</summary>
    private void End()
    {
        if (move.Steps.Waits)
        {
            Finish();
            return;
        }
        SwitchConnection[] all = [.. links.Select(link => link.DatapathId).Append(move.From).Append(move.To).Select(find).OfType<SwitchConnection>()];
        ScenarioController.Change(all, asks: true, static _ => { }, _ => Finish());

        void Finish()
        {
            OnEnd();
            move.End();
        }
    }

    private ushort PortTo(ulong machine, ulong link) => links.First(one => one.DatapathId == link).Ports[machine];
}
