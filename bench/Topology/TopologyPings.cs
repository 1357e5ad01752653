using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Softswitch.Lab;

namespace Softswitch.Bench.Topology;

/// <summary>Echo requests between hosts, each repeated every second until it is answered.</summary>
/// <remarks>Threads: one.</remarks>
internal sealed class TopologyPings : IDisposable
{
    /// <summary>Up to so many, every ordered pair is tried, else a sample.</summary>
    /// <remarks>A neighbour's address is an entry in a table of the kernel that all namespaces share and that has room for 1024.</remarks>
    public const int MostPairs = 240;

    private static readonly TimeSpan Again = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(50);

    private readonly IReadOnlyList<LabHost> _hosts;
    private readonly List<PingSocket> _sockets = [];
    private readonly Dictionary<IPAddress, int> _places = [];

    public TopologyPings(IReadOnlyList<LabHost> hosts)
    {
        _hosts = hosts;
        for (int i = 0; i < hosts.Count; i++)
        {
            _sockets.Add(hosts[i].Run(static () => new PingSocket()));
            _places.Add(hosts[i].IPAddress, i);
        }
    }

    /// <summary>Which hosts are to reach which: all, or the same number for each, far and near.</summary>
    public static IReadOnlyList<(int From, int To)> Pairs(int hosts)
    {
        int each = hosts * (hosts - 1) <= MostPairs ? hosts - 1 : Math.Max(1, MostPairs / hosts);
        return [.. from host in Enumerable.Range(0, hosts) from turn in Enumerable.Range(0, each) select (host, (host + 1 + (turn * (hosts - 1) / each)) % hosts)];
    }

    /// <summary>Pings until each pair has had an answer.</summary>
    /// <param name="giveUp">Looked at now and then.</param>
    /// <returns>How many had none when it was given up.</returns>
    public int Run(IEnumerable<(int From, int To)> pairs, Func<bool> giveUp)
    {
        HashSet<(int From, int To)> missing = [.. pairs];
        long sent = 0;
        ushort sequence = 0;
        while (missing.Count > 0 && !giveUp())
        {
            if (sent == 0 || Stopwatch.GetElapsedTime(sent) >= Again)
            {
                sent = Stopwatch.GetTimestamp();
                sequence++;
                foreach ((int from, int to) in missing)
                {
                    _sockets[from].TrySend(_hosts[to].IPAddress, sequence);
                }
            }
            List<Socket> readable = [.. missing.Select(pair => pair.From).Distinct().Select(from => _sockets[from].Socket)];
            Socket.Select(readable, null, null, Slice);
            for (int i = 0; i < _sockets.Count; i++)
            {
                while (_sockets[i].TryReceive(out IPAddress from, out _))
                {
                    missing.Remove((i, _places[from]));
                }
            }
        }
        return missing.Count;
    }

    public void Dispose() => _sockets.ForEach(socket => socket.Dispose());
}
