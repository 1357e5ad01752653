namespace Softswitch.Bench.Topology;

/// <summary>How switches are joined.</summary>
internal enum TopologyKind
{
    /// <summary>In a row, a host at each.</summary>
    Linear,

    /// <summary>Each with two below it, two hosts at each that has none.</summary>
    Tree,

    /// <summary>In a row whose ends are joined, a host at each.</summary>
    Ring,
}

/// <summary>A cable between ports of two switches, which are counted from 0.</summary>
internal readonly record struct TopologyCable(int Near, ushort NearPort, int Far, ushort FarPort);

/// <summary>Where a host is: switches are counted from 0.</summary>
internal readonly record struct TopologyPlace(int Switch, ushort Port);

/// <summary>Switches, cables between them, and hosts.</summary>
internal sealed class TopologyShape
{
    // 802.1D-1998 §8.6.1: what a bridge says of the root has an age, one second more at each; at the maximum age, 20 seconds, it is not said any more.
    private const int MostInRing = 32;
    private const int Most = 250; // hosts have addresses of one /24

    private readonly List<TopologyCable> _cables = [];
    private readonly List<TopologyPlace> _hosts = [];
    private readonly ushort[] _ports;

    private TopologyShape(TopologyKind kind, int switches)
    {
        Kind = kind;
        _ports = new ushort[switches];
    }

    public TopologyKind Kind { get; }

    public int Switches => _ports.Length;

    public IReadOnlyList<TopologyCable> Cables => _cables;

    /// <summary>Between the first two there are the most switches.</summary>
    public IReadOnlyList<TopologyPlace> Hosts => _hosts;

    /// <summary>Switches that a packet between the first two hosts passes.</summary>
    public int LongestPath { get; private set; }

    /// <summary>Whether a spanning tree has to be found first.</summary>
    public bool HasLoop => Kind == TopologyKind.Ring;

    /// <summary>The fewest and the most switches of a kind.</summary>
    public static (int Least, int Most) Bounds(TopologyKind kind) => kind switch
    {
        TopologyKind.Ring => (3, MostInRing),
        TopologyKind.Tree => (3, Most),
        _ => (2, Most),
    };

    public static TopologyShape Create(TopologyKind kind, int switches)
    {
        var shape = new TopologyShape(kind, switches);
        switch (kind)
        {
            case TopologyKind.Tree:
                shape.MakeTree();
                break;
            case TopologyKind.Ring:
                shape.MakeRow();
                shape.Join(switches - 1, 0);
                // The first switch is the root; the two that are farthest from it have the link that the tree leaves out.
                shape.PutFirst(switches / 2, (switches / 2) + 1);
                shape.LongestPath = switches;
                break;
            default:
                shape.MakeRow();
                shape.PutFirst(0, switches - 1);
                shape.LongestPath = switches;
                break;
        }
        return shape;
    }

    private static int Depth(int place) => int.Log2(place + 1);

    private void MakeRow()
    {
        for (int i = 0; i < Switches; i++)
        {
            AddHost(i);
        }
        for (int i = 1; i < Switches; i++)
        {
            Join(i - 1, i);
        }
    }

    private void MakeTree()
    {
        for (int i = 1; i < Switches; i++)
        {
            Join((i - 1) / 2, i);
        }
        int firstLeaf = Switches / 2;
        for (int i = firstLeaf; i < Switches; i++)
        {
            AddHost(i);
            AddHost(i);
        }
        // The lowest row begins in the left half. Of the right half its rightmost place of the lowest depth it has.
        int left = (1 << Depth(Switches - 1)) - 1;
        int right = Enumerable.Range(firstLeaf, Switches - firstLeaf).Where(IsRight).MaxBy(Depth);
        PutFirst(left, right);
        LongestPath = Depth(left) + Depth(right) + 1;

        static bool IsRight(int place)
        {
            int above = place;
            while (above > 2)
            {
                above = (above - 1) / 2;
            }
            return above == 2;
        }
    }

    private void AddHost(int at) => _hosts.Add(new TopologyPlace(at, ++_ports[at]));

    private void Join(int near, int far) => _cables.Add(new TopologyCable(near, ++_ports[near], far, ++_ports[far]));

    /// <summary>Makes hosts at these switches the first two.</summary>
    private void PutFirst(int first, int second)
    {
        foreach (int at in (ReadOnlySpan<int>)[second, first])
        {
            TopologyPlace host = _hosts.Find(place => place.Switch == at);
            _hosts.Remove(host);
            _hosts.Insert(0, host);
        }
    }
}
