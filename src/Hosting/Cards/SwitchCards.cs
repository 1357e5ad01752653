using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Reports;
using Softswitch.NetFpga;
using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Offload;
using Softswitch.NetFpga.Registers;
using Softswitch.Ports;
using Softswitch.Ports.KernelOffload;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Cards;

/// <summary>The NetFPGA cards of a switch, opened before its ports and told of its flows when these are there; and its tables in the kernel. Closed after the ports.</summary>
/// <remarks>Threads: opening and disposing by one; <see cref="Show"/> any.</remarks>
internal sealed class SwitchCards : IDisposable
{
    private readonly DatapathControl _control;
    private readonly CardSet _cards;
    private readonly List<DrivenCard> _driven = [];
    private readonly Lazy<KernelOffloadPorts> _kernel; // made for the first port that wants it; what the kernel refuses once it is not asked for again
    private bool _isAttached; // under the control lock
    private bool _isClosed;

    /// <param name="control">Whose flows the cards are to hold.</param>
    public SwitchCards(DatapathControl control)
    {
        _control = control;
        _cards = new CardSet((spec, firstInterface) => EmulatedCardHardware.Create(spec, firstInterface, control.Frames));
        _kernel = new Lazy<KernelOffloadPorts>(() => new KernelOffloadPorts(control.Flows.Entries.Store.Capacity));
    }

    /// <summary>Opens the cards: each holds the reserved rows then.</summary>
    /// <param name="say">Takes a line for each.</param>
    /// <exception cref="PortException">One cannot be had; those opened stay open.</exception>
    public void OpenAll(IEnumerable<CardOption> options, Action<string> say)
    {
        foreach (CardOption option in options)
        {
            say(_cards.Add(option.Spec, option.FirstInterface).Description);
        }
    }

    /// <summary>Whether a port is one of those that <see cref="OpenPort"/> opens.</summary>
    public static bool HasPort(PortSpec spec) => spec.Kind == PortKind.NetFpga || spec.MayBeOffloaded;

    /// <summary>As <see cref="CardSet.OpenPort"/>, and opens ports whose flows may be in the kernel.</summary>
    /// <param name="offer">What another process has for the port, its flows in the kernel; null if none has it.</param>
    /// <exception cref="PortException">It cannot be opened.</exception>
    public IPortDevice OpenPort(ushort number, PortSpec spec, DeviceOffer? offer, out ushort? beside)
    {
        if (spec.Kind == PortKind.NetFpga)
        {
            return _cards.OpenPort(number, spec, out beside);
        }
        beside = null;
        IPortDevice device = offer == null ? PortFactory.OpenOffloaded(spec, number, _control.Frames, OpenKernel)
            : PortFactory.TakeOffloaded(spec, number, OpenKernel, offer);
        if (device is KernelOffloadPort)
        {
            Attach(_kernel.Value);
        }
        return device;
    }

    /// <summary>The ports are there: from here on the cards forward what they can.</summary>
    /// <param name="ports">Of the switch, those of all cards among them.</param>
    /// <param name="log">Told of each event, on any thread.</param>
    public void AddOffloads(IReadOnlyList<PortOption> ports, ILogger log)
    {
        foreach (NetFpgaCard card in _cards.Cards)
        {
            ushort[] numbers = [.. Enumerable.Range(card.FirstInterface, CardPort.Count).Select(index =>
                ports.Single(port => port.Spec.Kind == PortKind.NetFpga && port.Spec.Target == CardNetdev.NameOf(index)).Number)];
            using (_control.Enter())
            {
                var offload = new NetFpgaOffload(card.Registers, card.Layout, card.Spec.Offload, numbers, line => HostLog.Card(log, card.Name, line), card.Reset);
                _control.Flows.Offloads.Attach(offload);
                _driven.Add(new DrivenCard(card, offload, numbers));
            }
        }
    }

    /// <summary>The cards, without asking them.</summary>
    /// <param name="enter">Takes the control lock.</param>
    public IReadOnlyList<CardSummary> Summarize(Func<ControlScope> enter)
    {
        using (enter())
        {
            return [.. _driven.Select(driven => new CardSummary(
                driven.Card.Name, ReportJson.NameOf(driven.Offload.Level), driven.Offload.IdleReason, driven.Offload.RowsUsed, driven.Offload.SlotsUsed,
                [.. driven.Numbers.Select(number => (int)number)]))];
        }
    }

    /// <summary>Where each card has a flow entry, or why it has not: a line a card. Under the control lock.</summary>
    /// <param name="id">As in <see cref="OffloadedFlow.Id"/>.</param>
    public IReadOnlyList<string> Locate(uint id)
    {
        IEnumerable<string> lines = _driven.Select(driven => $"card {driven.Card.Name}: {TextOf(driven.Offload.Describe(id))}");
        return !_isAttached ? [.. lines]
            : [.. lines, $"kernel: {(_kernel.Value.ReasonOf(id) is string reason ? $"gives its packets to the switch: {reason}" : "forwards its packets")}"];
    }

    /// <summary>What <see cref="CardReport.OfDriven"/> says of each card. Takes the control lock around it.</summary>
    /// <param name="name">One card's; null for all.</param>
    /// <exception cref="OptionException">There is no card of that name, or none at all.</exception>
    /// <exception cref="RegisterAccessException">A card does not answer.</exception>
    public IReadOnlyList<string> Show(string? name)
    {
        using (_control.Enter())
        {
            DrivenCard[] wanted = [.. _driven.Where(driven => name == null || driven.Card.Name == name)];
            if (_isClosed || wanted.Length == 0)
            {
                throw new OptionException(_driven.Count == 0 || _isClosed ? "the switch has no NetFPGA card (run --netfpga)"
                    : $"there is no card '{name}'; there are {string.Join(", ", _driven.Select(driven => driven.Card.Name))}");
            }
            return [.. wanted.SelectMany(driven => CardReport.OfDriven(driven.Card.Name, driven.Card.Registers, driven.Card.Layout, driven.Offload, driven.Numbers))];
        }
    }

    /// <summary>After the datapath, which has the offloads and the ports.</summary>
    public void Dispose()
    {
        using (_control.Enter())
        {
            _isClosed = true;
        }
        _cards.Dispose();
        if (_kernel.IsValueCreated)
        {
            _kernel.Value.Dispose();
        }
    }

    private KernelOffloadPorts OpenKernel()
    {
        try
        {
            return _kernel.Value;
        }
        catch (Exception e) when (e is SystemCallException or IOException or FormatException)
        {
            throw new PortException($"it needs Linux 6.6, CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN: {e.Message}", e);
        }
    }

    /// <summary>Tells the kernel of the flows, once there is a port for which that is of use; the switch does not have the port yet.</summary>
    private void Attach(KernelOffloadPorts kernel)
    {
        using (_control.Enter())
        {
            if (!_isAttached)
            {
                _isAttached = true;
                _control.Flows.Offloads.Attach(kernel.Offload);
            }
        }
    }

    private static string TextOf(OffloadedFlow? flow)
    {
        string place = flow switch
        {
            { Slot: int slot } => $"slot 0x{slot:x4} of the exact table",
            { Rows.Count: > 0 } => $"row {string.Join(", ", flow.Rows)} of the wildcard table",
            _ => "",
        };
        return flow switch
        {
            null => "not told of it",
            { IsForwarded: true } => $"forwards its packets: {place}",
            { Reason: var reason } => $"gives its packets to the host: {reason}{(place.Length == 0 ? "" : $" ({place})")}",
        };
    }

    private sealed record DrivenCard(NetFpgaCard Card, NetFpgaOffload Offload, ushort[] Numbers);
}
