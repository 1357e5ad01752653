namespace Softswitch.Scenarios.Twaren;

/// <summary>Which aggregation switches have a tunnel between them, and where the way from one to another begins.</summary>
/// <remarks>
/// Campuses count from 0, which is VM-S's home. A mesh has n(n-1)/2 tunnels, 1,225 for 50 campuses, and every way is one tunnel long. A
/// star has n-1, all to the home. A chain is what there is when each migration adds the tunnel it needs: the way home grows with each.
/// </remarks>
internal sealed class TwarenTunnels
{
    public const string Mesh = "mesh";
    public const string Star = "star";
    public const string Chain = "chain";

    private readonly string _topology;
    private readonly int[][] _neighbours;

    public TwarenTunnels(string topology, int campuses)
    {
        _topology = topology;
        IEnumerable<int> all = Enumerable.Range(0, campuses);
        _neighbours = [.. all.Select(one => all.Where(other => other != one && NextHop(one, other) == other).ToArray())];
    }

    public int Campuses => _neighbours.Length;

    /// <summary>Whether what comes by a tunnel must not be flooded into others, as it would go around.</summary>
    public bool HasLoops => _topology == Mesh;

    public IEnumerable<(int Near, int Far)> Pairs =>
        Enumerable.Range(0, Campuses).SelectMany(near => _neighbours[near].Where(far => far > near).Select(far => (near, far)));

    /// <summary>The port of a campus's aggregation switch by which the way to another campus begins.</summary>
    public ushort PortTo(int from, int to) => PortOf(Array.IndexOf(_neighbours[from], NextHop(from, to)));

    /// <summary>Ports that have a tunnel.</summary>
    public IReadOnlyList<ushort> PortsOf(int campus) => [.. Enumerable.Range(0, _neighbours[campus].Length).Select(PortOf)];

    /// <summary>Ports by which what comes from the home goes on.</summary>
    public IReadOnlyList<ushort> PortsAwayFromHome(int campus) =>
        [.. _neighbours[campus].Where(next => campus == 0 || (!HasLoops && next > campus)).Select(next => PortTo(campus, next))];

    /// <summary>The campuses that a packet passes, both ends included.</summary>
    public IReadOnlyList<int> Way(int from, int to)
    {
        List<int> way = [from];
        while (way[^1] != to)
        {
            way.Add(NextHop(way[^1], to));
        }
        return way;
    }

    private static ushort PortOf(int place) => (ushort)(TwarenLab.TunnelPort + place);

    private int NextHop(int from, int to) => _topology switch
    {
        Star => from == 0 ? to : 0,
        Chain => from < to ? from + 1 : from - 1,
        _ => to,
    };
}
