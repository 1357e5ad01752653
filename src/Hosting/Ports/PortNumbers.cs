using Softswitch.Datapath.Ports;
using Softswitch.Hosting.State;

namespace Softswitch.Hosting.Ports;

/// <summary>Chooses numbers for ports that are added without one while the switch runs.</summary>
/// <remarks>
/// A number that another port had would be misleading: flow entries and controllers may still mean that port by it. So the lowest number that no port has had
/// is taken, and only when there is none the one that was given up the longest ago, as Open vSwitch does for an hour.
/// With a state folder a port gets the number that one of its name had, and others keep off it.
/// </remarks>
/// <param name="state">Null where nothing is remembered.</param>
internal sealed class PortNumbers(JournalQueue? state)
{
    private readonly HashSet<ushort> _used = [];
    private readonly List<ushort> _givenUp = []; // the longest ago first

    /// <summary>Remembers numbers from now on.</summary>
    public void Remember(JournalQueue memory) => state = memory;

    /// <summary>A port of this number is there.</summary>
    /// <param name="name">What it was asked for by.</param>
    public void Use(ushort number, string name)
    {
        state?.NotePort(name, number);
        _used.Add(number);
        _givenUp.Remove(number);
    }

    /// <summary>The port of this number was removed for good.</summary>
    public void GiveUp(ushort number) => _givenUp.Add(number);

    /// <param name="name">What the port is asked for by.</param>
    /// <param name="reserved">Numbers that are to be used.</param>
    /// <returns>Null when all are in use.</returns>
    public ushort? Choose(string name, IReadOnlySet<ushort> reserved)
    {
        ushort last = state?.FindPort(name) ?? 0;
        if (PortNumber.IsPhysical(last) && !reserved.Contains(last))
        {
            return last;
        }
        return PortNumber.Lowest(number => !_used.Contains(number) && !reserved.Contains(number) && state?.IsAnothers(number, name) != true)
            ?? PortNumber.Lowest(number => !_used.Contains(number) && !reserved.Contains(number))
            ?? _givenUp.Where(number => PortNumber.IsPhysical(number) && !reserved.Contains(number)).Select(number => (ushort?)number).FirstOrDefault();
    }
}
