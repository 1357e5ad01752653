using System.Diagnostics;
using Change = (Softswitch.Scenarios.L3Mig.PathFlow Flow, Softswitch.Datapath.Flows.FlowModCommand Command);

namespace Softswitch.Scenarios.L3Mig;

/// <summary>The sites, and changes of entries on their switches, which their local controllers make and confirm. Threads: its owner's lock.</summary>
/// <param name="order">One of <see cref="InsertionOrder"/>.</param>
internal sealed class SiteChanges(string order)
{
    private readonly Dictionary<L3Site, LocalController> _owners = [];
    private readonly Dictionary<ulong, L3Site> _sites = []; // by the datapath ids of their switches

    public LocalController this[L3Site site] => _owners[site];

    /// <summary>Takes a site in.</summary>
    public void Add(LocalController owner)
    {
        _owners.Add(owner.Site, owner);
        _sites.Add(owner.Site.VirtualSwitch, owner.Site);
        _sites.Add(owner.Site.Gateway, owner.Site);
    }

    /// <summary>Has the sites' controllers make the changes.</summary>
    /// <param name="gate">The owner's lock, for what is done when they confirm.</param>
    /// <param name="ordered">When the changes were decided.</param>
    /// <param name="then">Called under the lock once all are confirmed, before the confirmation says so.</param>
    public Confirmation Apply(Lock gate, IEnumerable<Change> changes, long ordered, Action? then)
    {
        var confirmation = new Confirmation(ordered);
        var rounds = new Queue<IReadOnlyList<Change>>(
            ChangeRounds.Split(changes, order, change => change.Flow.Switch, device => _sites[device].Gateway == device));
        ApplyNext(gate, rounds, Stopwatch.GetTimestamp(), last =>
        {
            then?.Invoke();
            confirmation.Complete(last);
        });
        return confirmation;
    }

    /// <param name="last">When the round before was confirmed.</param>
    private void ApplyNext(Lock gate, Queue<IReadOnlyList<Change>> rounds, long last, Action<long> onDone)
    {
        if (!rounds.TryDequeue(out IReadOnlyList<Change>? round))
        {
            onDone(last);
            return;
        }
        IGrouping<L3Site, Change>[] bySite = [.. round.GroupBy(change => _sites[change.Flow.Switch])];
        int missing = bySite.Length;
        foreach (IGrouping<L3Site, Change> site in bySite)
        {
            _owners[site.Key].Change([.. site], when =>
            {
                lock (gate)
                {
                    last = Math.Max(last, when);
                    if (--missing == 0)
                    {
                        ApplyNext(gate, rounds, last, onDone);
                    }
                }
            });
        }
    }
}
