using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Softswitch.OfAgent.Connections;

/// <summary>Looks up hosts by name, each on a thread of its own: getaddrinfo(3) cannot be called off, and a resolver may take tens of seconds.</summary>
/// <remarks>
/// Threads: any. At most one look-up of a name runs at a time, so there are no more threads than names. An answer stays valid for as long as the look-up
/// took: a caller that gave up on a slow look-up finds its answer on the next try.
/// </remarks>
internal static class HostLookup
{
    private static readonly Lock Guard = new();
    private static readonly Dictionary<string, Lookup> Lookups = [];

    /// <summary>Whether the text is a name that is being looked up.</summary>
    public static bool IsWaitedFor(string host)
    {
        lock (Guard)
        {
            return Lookups.TryGetValue(host, out Lookup? lookup) && !lookup.Answer.IsCompleted;
        }
    }

    /// <summary>The addresses of a host, in the resolver's order: at least one, or the task fails with a <see cref="SocketException"/>. Returns at once.</summary>
    /// <param name="host">A name, or an address as text.</param>
    public static Task<IPAddress[]> Begin(string host)
    {
        if (IPAddress.TryParse(host, out IPAddress? address))
        {
            return Task.FromResult<IPAddress[]>([address]);
        }
        lock (Guard)
        {
            if (Lookups.TryGetValue(host, out Lookup? known) && known.IsGood)
            {
                return known.Answer;
            }
            Lookup lookup = Lookups[host] = new Lookup(host);
            lookup.Start();
            return lookup.Answer;
        }
    }

    /// <summary>Waits for the addresses of a host.</summary>
    /// <exception cref="SocketException">It has none, or no resolver answers.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static IPAddress[] Find(string host, CancellationToken cancellation)
    {
        Task<IPAddress[]> answer = Begin(host);
        try
        {
            answer.Wait(cancellation);
        }
        catch (AggregateException)
        {
            // the next line throws what it is about
        }
        return answer.GetAwaiter().GetResult();
    }

    private sealed class Lookup(string host)
    {
        private readonly TaskCompletionSource<IPAddress[]> _answer = new();
        private readonly long _began = Stopwatch.GetTimestamp();
        private TimeSpan _took;

        public Task<IPAddress[]> Answer => _answer.Task;

        public bool IsGood => !Answer.IsCompleted || Stopwatch.GetElapsedTime(_began) <= 2 * _took;

        public void Start()
        {
            if (ThreadStarter.TryStart($"look up {host}", Run) == null)
            {
                _answer.SetException(new SocketException((int)SocketError.TryAgain));
            }
        }

        private void Run()
        {
            try
            {
                IPAddress[] addresses = Dns.GetHostAddresses(host);
                _took = Stopwatch.GetElapsedTime(_began); // before the answer, which publishes it
                if (addresses.Length == 0)
                {
                    throw new SocketException((int)SocketError.HostNotFound);
                }
                _answer.SetResult(addresses);
            }
            catch (Exception e) when (e is SocketException or ArgumentException)
            {
                _took = Stopwatch.GetElapsedTime(_began);
                SocketError code = (e as SocketException)?.SocketErrorCode ?? SocketError.HostNotFound; // else a text that can be no name
                string reason = code == SocketError.TryAgain ? "no name server answers" : "there is no such name";
                _answer.SetException(new SocketException((int)code, $"'{host}': {reason}"));
            }
        }
    }
}
