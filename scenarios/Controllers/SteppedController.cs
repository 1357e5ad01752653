using Softswitch.OfAgent.Controllers;

namespace Softswitch.Scenarios.Controllers;

/// <summary>A controller that tells all its switches where a machine is, in steps, each of which waits for the one before.</summary>
internal abstract class SteppedController(string name) : ScenarioController(name)
{
    /// <summary>One of <see cref="InsertionOrder"/>; all but the first need <see cref="UsesBarriers"/>.</summary>
    public string Order { get; init; } = InsertionOrder.Together;

    /// <summary>Whether the machine's new switch has confirmed before the others get their entries.</summary>
    public bool MakesBeforeBreak { get; init; }

    /// <summary>Whether switches are asked to confirm; else a change is over when all is written.</summary>
    public bool UsesBarriers { get; init; } = true;

    /// <summary>Changes every switch.</summary>
    /// <param name="place">Datapath id of the switch the machine is at.</param>
    /// <param name="before">Of the one it was at; null for none.</param>
    /// <param name="change">Sends the changes to one.</param>
    /// <param name="goesOn">Whether another step is wanted; looked at when one is confirmed.</param>
    /// <param name="then">Gets when each switch had confirmed.</param>
    protected void ChangeAll(
        ulong place, ulong? before, Action<SwitchConnection> change, Func<bool> goesOn, Action<IReadOnlyDictionary<ulong, long>> then)
    {
        var doneAt = new Dictionary<ulong, long>();
        var steps = new Queue<SwitchConnection[]>(
            InsertionOrder.Split(Switches, Order, MakesBeforeBreak, one => one.DatapathId == place, one => one.DatapathId == before));
        Next();

        void Next()
        {
            SwitchConnection[] step = steps.Dequeue();
            Change(step, UsesBarriers, change, times =>
            {
                foreach ((SwitchConnection one, long when) in step.Zip(times))
                {
                    doneAt[one.DatapathId] = when;
                }
                if (steps.Count == 0)
                {
                    then(doneAt);
                }
                else if (goesOn())
                {
                    Next();
                }
            });
        }
    }
}
