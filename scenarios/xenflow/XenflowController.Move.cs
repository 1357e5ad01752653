using System.Diagnostics;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>The move of the flows, step by step.</summary>
internal sealed partial class XenflowController
{
    /// <summary>Ethernet type of the probe that shows that what was sent before it has passed: IEEE's first for local experiments.</summary>
    private const ushort ProbeType = 0x88b5;

    private const int ProbeLength = 60;

    private FlowMove? _move;
    private uint _selection; // xid of the request that selects what moves

    /// <summary>Begins to move the router's flows.</summary>
    /// <returns>Its progress.</returns>
    /// <exception cref="TestbedException">A move is under way, or a switch is not connected.</exception>
    public FlowMove Move(ulong to, MoveSteps steps)
    {
        lock (HandlerLock)
        {
            if (_move != null || Find(to) == null || Find(place) is not { } source)
            {
                throw new TestbedException("the flows cannot be moved: a move is under way, or a switch is not connected");
            }
            _move = new FlowMove(place, to, steps);
            var all = new FlowFilter(FlowMatch.Any);
            _selection = source.Send((buffer, xid) => FlowStatsMessage.WriteRequest(buffer, xid, all));
            source.Flush();
            return _move;
        }
    }

    /// <summary>Sends probes again that have not come back; one may have been lost where too much was sent.</summary>
    public void ProbeAgain()
    {
        lock (HandlerLock)
        {
            if (_move is { LinkedAt: > 0, DrainedAt: 0, Steps: { BreaksFirst: false, Probes: true } })
            {
                Probe();
            }
        }
    }

    protected override void OnStatsReply(SwitchConnection from, uint xid, OfStatsType type, ReadOnlySpan<byte> body, bool isLast)
    {
        if (_move is not { } move || from.DatapathId != move.From || type != OfStatsType.Flow || xid != _selection)
        {
            return;
        }
        FlowAction[] storage = new FlowAction[OfActions.MaxCount];
        while (FlowStatsMessage.TryReadEntry(ref body, storage, out FlowStatistics flow))
        {
            Select(move, flow);
        }
        if (isLast)
        {
            _selection = 0;
            Begin(move, from);
        }
    }

    private void Select(FlowMove move, in FlowStatistics flow)
    {
        if (flow.Match.Wildcards == FlowWildcards.None && IsForRouter(flow.Match.DlDst)
            && machines[move.From].TryTranslate(
                new MigratingFlow(flow.Match, flow.Priority, flow.IdleTimeoutSeconds, flow.Cookie, flow.Actions.ToArray()), machines[move.To], out MigratingFlow translated))
        {
            move.Flows.Add(translated);
        }
    }

    private void Begin(FlowMove move, SwitchConnection source)
    {
        if (!move.Steps.BreaksFirst)
        {
            AddAll(move);
            return;
        }
        Delete(source, "ip");
        After(move, [source], when =>
        {
            move.DeletedAt = when;
            AddAll(move);
        });
    }

    private void AddAll(FlowMove move)
    {
        if (Find(move.To) is not { } destination)
        {
            return;
        }
        move.Flows.ForEach(flow => Install(destination, flow));
        After(move, [destination], when =>
        {
            move.AddedAt = when;
            ChangeLinks(move);
        });
    }

    private void ChangeLinks(FlowMove move)
    {
        SwitchConnection[] ends = [.. links.Select(link => Find(link.DatapathId)).OfType<SwitchConnection>()];
        foreach (SwitchConnection end in ends)
        {
            end.Send($"in_port=1,actions=output:{PortTo(move.To, end.DatapathId)}", FlowSyntaxMode.ModifyStrict);
        }
        After(move, ends, when =>
        {
            move.LinkedAt = when;
            Volatile.Write(ref place, move.To);
            if (move.Steps.BreaksFirst)
            {
                End(move);
            }
            else if (move.Steps.Probes)
            {
                Probe();
            }
            else
            {
                DeleteOld(move);
            }
        });
    }

    /// <summary>Goes on once these switches have confirmed all before; at once, and with the time now, where the move does not wait.</summary>
    private static void After(FlowMove move, IReadOnlyList<SwitchConnection> told, Action<long> next) =>
        Change(told, move.Steps.Waits, static _ => { }, times => next(times.Max()));

    /// <summary>
    /// Sends a probe by each link to where the router was. A link switch's barrier says that it sends nothing there any more, not that what it sent has been
    /// treated there: entries deleted now could be missed by packets that wait in front of the switch. A probe waits behind them.
    /// </summary>
    private void Probe()
    {
        foreach (LinkSwitch link in links.Where(link => !_move!.Drained.Contains(link.DatapathId)))
        {
            byte[] frame = new byte[ProbeLength];
            MacAddress.Broadcast.CopyTo(frame);
            addresses.Left.CopyTo(frame.AsSpan(MacAddress.Size));
            frame[12] = ProbeType >> 8;
            frame[13] = ProbeType & 0xff;
            Find(link.DatapathId)?.Send(new PacketOut { Actions = [FlowAction.Output(link.Ports[_move!.From])], Data = frame });
            Find(link.DatapathId)?.Flush();
        }
    }

    private void TakeProbe(SwitchConnection from, ushort inPort, RouterPorts ports)
    {
        if (_move is not { LinkedAt: > 0, DrainedAt: 0 } move || from.DatapathId != move.From)
        {
            return;
        }
        move.Drained.Add(links[inPort == ports.Left ? 0 : 1].DatapathId);
        if (move.Drained.Count == links.Count)
        {
            move.DrainedAt = Stopwatch.GetTimestamp();
            DeleteOld(move);
        }
    }

    private void DeleteOld(FlowMove move)
    {
        if (Find(move.From) is not { } source)
        {
            return;
        }
        if (move.Steps.Waits)
        {
            source.Barrier(static _ => { }); // ends the pass that took the last packets, before the deletion behind it
        }
        Delete(source, "ip");
        After(move, [source], when =>
        {
            move.DeletedAt = when;
            End(move);
        });
    }

    /// <summary>Where no step waited, it ends with a barrier to all: it is measured until then.</summary>
    private void End(FlowMove move)
    {
        if (move.Steps.Waits)
        {
            Finish();
            return;
        }
        BarrierAll([.. links.Select(link => link.DatapathId).Append(move.From).Append(move.To).Select(Find).OfType<SwitchConnection>()], _ => Finish());

        void Finish()
        {
            _move = null;
            move.End();
        }
    }

    private ushort PortTo(ulong machine, ulong link) => links.First(one => one.DatapathId == link).Ports[machine];
}
