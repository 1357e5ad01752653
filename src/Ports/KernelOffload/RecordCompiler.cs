using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.KernelOffload;

/// <summary>Makes records of action lists.</summary>
internal sealed class RecordCompiler
{
    private readonly List<ulong> _actions = [];
    private OffloadablePort[] _ports = [];

    /// <summary>The switch's ports from now on.</summary>
    public void SetPorts(OffloadablePort[] ports) => _ports = ports;

    /// <summary>Whether what a list compiles to may differ from what it was when only these ports had other settings.</summary>
    public static bool Concerns(ReadOnlySpan<FlowAction> actions, HashSet<ushort> changed)
    {
        foreach (ref readonly FlowAction action in actions)
        {
            if (action.IsOutput && (!PortNumber.IsPhysical(action.Port) || changed.Contains(action.Port)))
            {
                return true;
            }
        }
        return false;
    }

    /// <param name="actions">As in a flow entry.</param>
    /// <param name="inPort">The only port by which its packets come; 0 if they come by any.</param>
    /// <param name="record">Where it is written.</param>
    /// <returns>Why the software has to execute the list; null if the kernel can.</returns>
    public string? Compile(ReadOnlySpan<FlowAction> actions, ushort inPort, out OffloadRecord record)
    {
        record = default;
        _actions.Clear();
        int last = -1;
        foreach (ref readonly FlowAction action in actions)
        {
            if (Translate(action, inPort) is string reason)
            {
                return reason;
            }
            last = action.IsOutput ? _actions.Count - 1 : last;
        }
        if (last < 0)
        {
            record[1] = OffloadRecord.Action(OffloadAction.Drop);
            return null;
        }
        if (last >= OffloadLayout.MostActions)
        {
            return $"it has more than {OffloadLayout.MostActions} actions; a flood counts once for each port";
        }
        for (int i = 0; i <= last; i++) // what is behind the last output has no effect
        {
            record[i + 1] = _actions[i];
        }
        record[last + 1] |= ActionProgram.Last << 8;
        return null;
    }

    private string? Translate(in FlowAction action, ushort inPort)
    {
        switch (action.Kind)
        {
            case ActionKind.Output:
                return TranslateOutput(action.Port, inPort);
            case ActionKind.SetDlDst:
                _actions.Add(OffloadRecord.Action(OffloadAction.SetDlDst, action.Mac));
                return null;
            case ActionKind.SetDlSrc:
                _actions.Add(OffloadRecord.Action(OffloadAction.SetDlSrc, action.Mac));
                return null;
            case ActionKind.SetVlanVid:
                _actions.Add(OffloadRecord.Action(OffloadAction.SetVlanVid, action.Value));
                return null;
            case ActionKind.SetVlanPcp:
                _actions.Add(OffloadRecord.Action(OffloadAction.SetVlanPcp, action.Value << 13));
                return null;
            case ActionKind.StripVlan:
                _actions.Add(OffloadRecord.Action(OffloadAction.StripVlan));
                return null;
            case ActionKind.SetNwSrc:
                _actions.Add(OffloadRecord.Action(OffloadAction.SetNwSrc, Be32.FromHost(action.Value).Raw));
                return null;
            case ActionKind.SetNwDst:
                _actions.Add(OffloadRecord.Action(OffloadAction.SetNwDst, Be32.FromHost(action.Value).Raw));
                return null;
            case ActionKind.SetNwTos:
                _actions.Add(OffloadRecord.Action(OffloadAction.SetNwTos, action.Value & 0xfc));
                return null;
            case ActionKind.SetTpSrc:
                _actions.Add(OffloadRecord.Action(OffloadAction.SetTpSrc, Be16.FromHost((ushort)action.Value).Raw));
                return null;
            case ActionKind.SetTpDst:
                _actions.Add(OffloadRecord.Action(OffloadAction.SetTpDst, Be16.FromHost((ushort)action.Value).Raw));
                return null;
            case ActionKind.Enqueue:
                return "queues are the software's";
            default:
                return "tunnels are the software's";
        }
    }

    private string? TranslateOutput(ushort port, ushort inPort)
    {
        switch (port)
        {
            case PortNumber.InPort when inPort != 0:
                if (!TryFind(inPort, out OffloadablePort only) || !only.LetsOut)
                {
                    return $"port {inPort} is closed or not offloaded";
                }
                _actions.Add(OffloadRecord.Action(OffloadAction.InPort));
                return null;
            case PortNumber.InPort:
                if (!Array.TrueForAll(_ports, any => any.Slot < 0 || any.LetsOut))
                {
                    return "a port is closed";
                }
                _actions.Add(OffloadRecord.Action(OffloadAction.InPort));
                return null;
            case PortNumber.Flood or PortNumber.All:
                return TranslateFlood(port == PortNumber.Flood);
            case PortNumber.Controller:
                return "it goes to the controller";
            case PortNumber.Normal or PortNumber.Local:
                return "it goes to the software's bridge";
        }
        if (!TryFind(port, out OffloadablePort target) || !target.LetsOut)
        {
            return $"port {port} is closed or not offloaded";
        }
        _actions.Add(OffloadRecord.Action(OffloadAction.Output, (uint)target.Slot));
        return null;
    }

    private string? TranslateFlood(bool isFlood)
    {
        int count = 0;
        foreach (OffloadablePort port in _ports)
        {
            if (port.IsClosed || (isFlood && !port.Floods))
            {
                continue;
            }
            if (!port.LetsOut)
            {
                return $"port {port.Number} is not offloaded";
            }
            _actions.Add(OffloadRecord.Action(OffloadAction.Flood, (uint)port.Slot));
            count++;
        }
        return count >= 2 ? null : "a flood may reach no port"; // which the software counts
    }

    private bool TryFind(ushort number, out OffloadablePort found)
    {
        found = Array.Find(_ports, port => port.Number == number);
        return found.Number == number;
    }
}

/// <summary>A port of the switch, as the kernel may use it.</summary>
/// <param name="port">Its settings.</param>
/// <param name="slot">Its place in the layout; negative if its packets do not pass here.</param>
internal readonly struct OffloadablePort(in OffloadPort port, int slot)
{
    public ushort Number { get; } = port.Number;

    public int Slot { get; } = slot;

    /// <summary>Nothing leaves by it: the software counts outputs that name it, floods pass it over.</summary>
    public bool IsClosed { get; } = (port.Config & (PortConfig.PortDown | PortConfig.NoForward)) != 0;

    /// <summary>Whether outputs may go there from here: nothing schedules its packets.</summary>
    public bool LetsOut => Slot >= 0 && !IsClosed && !_isScheduled;

    /// <summary>Whether OFPP_FLOOD goes there.</summary>
    public bool Floods { get; } = (port.Config & PortConfig.NoFlood) == 0;

    /// <summary>Whether all that comes in by it is for the flow table.</summary>
    public bool Receives { get; } = (port.Config & (PortConfig.PortDown | PortConfig.NoReceive | PortConfig.NoReceiveStp)) == 0;

    private readonly bool _isScheduled = port.IsScheduled;
}
