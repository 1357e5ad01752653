using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Ports;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Reloading;

/// <summary>A port as a configuration has it.</summary>
/// <param name="Queues">Those of this port.</param>
internal sealed record PortSettings(PortOption Port, IReadOnlyList<QueueOption> Queues);

/// <summary>What has to happen for the ports to be those that a configuration wants. Ports that are in both as they are do not occur.</summary>
/// <remarks>
/// What is new is opened first, as that may fail. A port that another has to make way for, by its number, its interface or the port it travels by, is opened
/// after those that go were closed.
/// </remarks>
internal sealed class PortChanges
{
    private readonly List<PortSettings> _opened = [];
    private readonly List<PortSettings> _closed = [];

    /// <summary>To be opened before any is closed; those that others travel by first.</summary>
    public IReadOnlyList<PortSettings> First { get; private set; } = [];

    /// <summary>To be closed; those that travel by others first.</summary>
    public IReadOnlyList<PortSettings> Closed { get; private set; } = [];

    /// <summary>To be opened afterwards, in the same order as <see cref="First"/>.</summary>
    public IReadOnlyList<PortSettings> Last { get; private set; } = [];

    /// <summary>To be given another rate or other queues; what stands behind the port stays.</summary>
    public List<(PortSettings Before, PortSettings After)> Configured { get; } = [];

    /// <summary>A line for each change.</summary>
    public List<string> Report { get; } = [];

    /// <summary>A line for each change that takes a new start.</summary>
    public List<string> Pending { get; } = [];

    /// <param name="now">The ports there are.</param>
    /// <param name="wanted">With numbers.</param>
    /// <param name="needsLocal">Whether the switch cannot do without the port LOCAL it has.</param>
    /// <exception cref="OptionException">A line for each number that belongs to a port that was added by hand.</exception>
    public static PortChanges Plan(IReadOnlyList<PortSettings> now, IReadOnlyList<PortSettings> wanted, bool needsLocal)
    {
        PortChanges changes = new();
        List<string> errors = [];
        foreach (PortSettings want in wanted)
        {
            PortSettings? have = now.FirstOrDefault(port => port.Port.Number == want.Port.Number);
            if (have is { Port.IsByHand: true } && have.Port.Spec.Body != want.Port.Spec.Body)
            {
                errors.Add($"{want.Port.Origin}: '{want.Port}': the number belongs to '{have.Port}', which was added by hand (softswitch port del removes it)");
                continue;
            }
            changes.Compare(have, want, needsLocal);
        }
        foreach (PortSettings have in now.Where(have => !have.Port.IsByHand && !wanted.Any(want => want.Port.Number == have.Port.Number)))
        {
            changes.Compare(have, null, needsLocal);
        }
        changes.Order(now, wanted);
        return errors.Count == 0 ? changes : throw new OptionException(errors);
    }

    /// <summary>What differs between two lists, each of which may have a thing more than once.</summary>
    public static (IReadOnlyList<T> Added, IReadOnlyList<T> Removed) Difference<T>(IEnumerable<T> before, IEnumerable<T> after)
    {
        List<T> removed = [.. before];
        List<T> added = [.. after.Where(one => !removed.Remove(one))];
        return (added, removed);
    }

    private void Compare(PortSettings? have, PortSettings? want, bool needsLocal)
    {
        bool isSame = have?.Port.Spec.Body == want?.Port.Spec.Body;
        if (!isSame && (IsFixed(have, needsLocal) || IsFixed(want, needsLocal)))
        {
            Pending.Add($"port {Text(have)} -> {Text(want)} needs a new start");
        }
        else if (have == null)
        {
            _opened.Add(want!);
            Report.Add($"port {Text(want)}: added");
        }
        else if (want == null)
        {
            _closed.Add(have);
            Report.Add($"port {Text(have)}: removed");
        }
        else if (isSame || IsSameButRate(have.Port.Spec, want.Port.Spec))
        {
            Configured.Add((have, want)); // be it only to know where it was given
            if (!isSame)
            {
                Report.Add($"port {Text(want)}: changed without a pause, was {Text(have)}");
            }
        }
        else
        {
            Reopen(have, want, $"was {Text(have)}");
        }
        CompareQueues(have?.Queues ?? [], want?.Queues ?? []);
    }

    private void CompareQueues(IReadOnlyList<QueueOption> before, IReadOnlyList<QueueOption> after)
    {
        foreach (QueueOption queue in after)
        {
            QueueOption? old = before.FirstOrDefault(other => other.Config.Id == queue.Config.Id);
            if (old?.Config != queue.Config)
            {
                Report.Add($"queue {queue.Text}: {(old == null ? "added" : $"changed, was {old.Text}")}");
            }
        }
        Report.AddRange(before.Where(queue => !after.Any(other => other.Config.Id == queue.Config.Id)).Select(queue => $"queue {queue.Text}: removed"));
    }

    private void Reopen(PortSettings have, PortSettings want, string why)
    {
        _closed.Add(have);
        _opened.Add(want);
        Report.Add($"port {Text(want)}: opened again, {why}");
    }

    /// <summary>Tunnels go before the port they travel by, and come after it.</summary>
    private void Order(IReadOnlyList<PortSettings> now, IReadOnlyList<PortSettings> wanted)
    {
        List<PortOption> before = [.. now.Select(port => port.Port)];
        foreach ((PortSettings have, PortSettings want) in Configured.Where(pair => IsByAny(pair.Before.Port, before, _closed)).ToList())
        {
            Configured.Remove((have, want));
            Reopen(have, want, "as the port it travels by");
        }
        List<PortOption> after = [.. wanted.Select(port => port.Port)];
        List<PortSettings> late = [.. _opened.Where(MustWait)];
        late.AddRange(_opened.Except(late).Where(port => IsByAny(port.Port, after, late)).ToList());
        First = [.. _opened.Except(late).OrderBy(port => port.Port.Spec.IsTunnel)];
        Last = [.. late.OrderBy(port => port.Port.Spec.IsTunnel)];
        Closed = [.. _closed.OrderByDescending(port => port.Port.Spec.IsTunnel)];
    }

    private bool MustWait(PortSettings port) => _closed.Exists(gone =>
        gone.Port.Number == port.Port.Number
        || (gone.Port.Spec.Target.Length > 0 && gone.Port.Spec.Target == port.Port.Spec.Target)
        || (gone.Port.Spec.IsTunnel && port.Port.Spec.IsTunnel)); // two of the same ends cannot be

    private static bool IsByAny(PortOption port, List<PortOption> all, List<PortSettings> some) =>
        SwitchPorts.ViaOf(port, all) is { } via && some.Exists(one => one.Port.Number == via);

    /// <summary>A card goes on forwarding from and to its ports, and in-band control needs LOCAL.</summary>
    private static bool IsFixed(PortSettings? port, bool needsLocal) =>
        port != null && (port.Port.Spec.Kind == PortKind.NetFpga || (needsLocal && port.Port.Number == PortNumber.Local));

    private static bool IsSameButRate(PortSpec one, PortSpec other) => one.BodyWithoutRate == other.BodyWithoutRate;

    private static string Text(PortSettings? port) => port?.Port.NumberedText ?? "none";
}
