using Softswitch.Datapath.Ports;

namespace Softswitch.Hosting;

/// <summary>Chooses numbers for ports that are added without one while the switch runs.</summary>
/// <remarks>
/// A number that another port had would be misleading: flow entries and controllers may still mean that port by it. So the lowest number that no port has had
/// is taken, and only when there is none the one that was given up the longest ago, as Open vSwitch does for an hour.
/// </remarks>
internal sealed class PortNumbers
{
    private readonly HashSet<ushort> _used = [];
    private readonly List<ushort> _givenUp = []; // the longest ago first

    /// <summary>A port of this number is there.</summary>
    public void Use(ushort number)
    {
        _used.Add(number);
        _givenUp.Remove(number);
    }

    /// <summary>The port of this number was removed for good.</summary>
    public void GiveUp(ushort number) => _givenUp.Add(number);

    /// <param name="reserved">Numbers that are to be used.</param>
    /// <returns>Null when all are in use.</returns>
    public ushort? Choose(IReadOnlySet<ushort> reserved)
    {
        for (int number = 1; number <= PortNumber.Max; number++)
        {
            if (!_used.Contains((ushort)number) && !reserved.Contains((ushort)number))
            {
                return (ushort)number;
            }
        }
        return _givenUp.Where(number => PortNumber.IsPhysical(number) && !reserved.Contains(number)).Select(number => (ushort?)number).FirstOrDefault();
    }
}
