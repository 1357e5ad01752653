using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Pipeline;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

public sealed class StationTableTests : IDisposable
{
    private readonly StationTable _table = new(FlowHash.Create(5, 6, 7, 8));

    public void Dispose() => _table.Dispose();

    [Fact]
    public void A_station_another_worker_has_just_heard_is_known_although_its_clock_is_ahead()
    {
        _table.Learn(Key(source: 1), 7, now: 5001);
        Assert.Equal(7, _table.Find(Key(destination: 1), now: 5000));
        // Nor is it the one to give way because it looks infinitely old.
        Learn(7, Enumerable.Range(100, 40_000), now: 5000);
        Assert.Equal(7, _table.Find(Key(destination: 1), now: 5000));
    }

    [Fact]
    public void Few_stations_are_all_known_and_many_displace_only_others()
    {
        Learn(3, Enumerable.Range(1, 1000), now: 1);
        int known = Enumerable.Range(1, 1000).Count(i => _table.Find(Key(destination: (ulong)i), now: 2) == 3);
        Assert.InRange(known, 990, 1000);
        Learn(4, Enumerable.Range(2000, 100_000), now: 3);
        known = Enumerable.Range(1, 102_000).Count(i => _table.Find(Key(destination: (ulong)i), now: 4) != 0);
        Assert.InRange(known, 10_000, 3 * 4096);
    }

    [Fact]
    public void Stations_of_a_port_that_is_gone_are_unknown_and_others_stay()
    {
        _table.Learn(Key(source: 1), 7, now: 5000);
        _table.Learn(Key(source: 2), 8, now: 5000);
        _table.ForgetPort(7);
        Assert.Equal((0, 8), (_table.Find(Key(destination: 1), now: 5000), _table.Find(Key(destination: 2), now: 5000)));
        _table.Learn(Key(source: 1), 9, now: 5000);
        Assert.Equal(9, _table.Find(Key(destination: 1), now: 5000));
    }

    [Fact]
    public void Readers_and_writers_on_one_bucket_never_mix_stations_up()
    {
        // Station n is only ever on port n: nobody may find another.
        using CancellationTokenSource stop = new();
        Thread[] writers = [.. Enumerable.Range(0, 2).Select(seed => new Thread(() =>
        {
            Random random = new(seed);
            while (!stop.IsCancellationRequested)
            {
                int station = random.Next(1, 60_000);
                _table.Learn(Key(source: (ulong)station), (ushort)station, (uint)random.Next(1000));
            }
        }))];
        foreach (Thread writer in writers)
        {
            writer.Start();
        }
        Eventually.True(() => Enumerable.Range(1, 1000).Any(station => _table.Find(Key(destination: (ulong)station), 1000) != 0), "stations are learned");
        int wrong = 0;
        int found = 0;
        Random own = new(99);
        for (int i = 0; i < 1_000_000; i++)
        {
            int station = own.Next(1, 60_000);
            ushort port = _table.Find(Key(destination: (ulong)station), 1000);
            wrong += port != 0 && port != station ? 1 : 0;
            found += port != 0 ? 1 : 0;
        }
        stop.Cancel();
        foreach (Thread writer in writers)
        {
            writer.Join();
        }
        Assert.Equal(0, wrong);
        Assert.InRange(found, 1, int.MaxValue);
    }

    private void Learn(ushort port, IEnumerable<int> stations, uint now)
    {
        foreach (int station in stations)
        {
            _table.Learn(Key(source: (ulong)station), port, now);
        }
    }

    private static FlowKey Key(ulong source = 0, ulong destination = 0)
    {
        FlowKey key = default;
        key.DlSrc = new MacAddress(source);
        key.DlDst = new MacAddress(destination);
        return key;
    }
}
