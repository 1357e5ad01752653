using System.Runtime.InteropServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Where stations are, for NORMAL: a fixed number of places, learned from source addresses, aged.</summary>
/// <remarks>
/// Packets cannot grow it: a new station takes the place of the oldest in its bucket, and the hash is keyed, so a flood of made-up addresses
/// displaces entries of other stations (packets to these are flooded until they are heard again) but never slows a look-up. Threads: all workers; a bucket
/// is guarded by a sequence counter, odd while it is written, and readers that meet a writer treat the station as unknown.
/// </remarks>
internal sealed unsafe class StationTable : IReclaimer, IDisposable
{
    /// <summary>A station not heard for this long is unknown (802.1D-2004 §7.9.2 recommends 300 s).</summary>
    public const uint AgeMilliseconds = 300_000;

    private const int Buckets = 4096;
    private const int Ways = 3;

    // Workers read the clock at the start of their passes, so another worker's stamp may lie ahead of ours, by much less than this.
    private const uint ClockSpread = 10_000;

    // A station heard again within this time is not written again.
    private const uint RefreshMilliseconds = 1000;

    private volatile uint _age = AgeMilliseconds;

    private readonly NativeArray<Bucket> _buckets = new(Buckets);
    private readonly FlowHash _hash;

    public StationTable(FlowHash hash) => _hash = hash;

    /// <summary>Notes that the packet's source is on <paramref name="port"/>.</summary>
    public void Learn(in FlowKey packet, ushort port, uint now)
    {
        ulong station = StationOf(packet.DlSrc.Value, packet);
        Bucket* bucket = BucketOf(station);
        for (int i = 0; i < Ways; i++)
        {
            if (bucket->Stations[i] == station && bucket->Ports[i] == port && now - bucket->Seen[i] < RefreshMilliseconds)
            {
                return;
            }
        }
        Write(bucket, station, port, now);
    }

    /// <summary>The port of the packet's destination, or 0 if it is unknown.</summary>
    public ushort Find(in FlowKey packet, uint now)
    {
        ulong station = StationOf(packet.DlDst.Value, packet);
        Bucket* bucket = BucketOf(station);
        int sequence = Volatile.Read(ref bucket->Sequence);
        ushort port = 0;
        for (int i = 0; i < Ways; i++)
        {
            if (bucket->Stations[i] == station && AgeOf(bucket, i, now) < _age + ClockSpread)
            {
                port = bucket->Ports[i];
            }
        }
        Volatile.ReadBarrier();
        return (sequence & 1) == 0 && Volatile.Read(ref bucket->Sequence) == sequence ? port : (ushort)0;
    }

    /// <summary>Sets how long a station stays known (802.1D-1998 §8.5.3.9 wants it shorter while the topology changes). The control side.</summary>
    public void SetAge(uint milliseconds, uint now)
    {
        if (milliseconds > _age)
        {
            Forget(_age, now); // a station that was too old must not become known again
        }
        _age = milliseconds;
    }

    /// <summary>Forgets the stations of a port: each may be at another by now. The control side, when no worker learns from the port.</summary>
    public void ForgetPort(ushort port) => Forget(age: 0, now: 0, port);

    /// <summary>Retired by its number, a port is forgotten once every pass that may still have learned from it has ended.</summary>
    void IReclaimer.Reclaim(nint port) => ForgetPort((ushort)port);

    /// <summary>Copies the stations of another table with the same hash. No other thread uses this table yet; workers may use the other one.</summary>
    public void CopyFrom(StationTable other)
    {
        _age = other._age;
        for (int b = 0; b < Buckets; b++)
        {
            Bucket* from = other._buckets.Start + b;
            Bucket* to = _buckets.Start + b;
            SpinWait spin = default;
            int sequence = Volatile.Read(ref from->Sequence);
            while (sequence != 0)
            {
                sequence = Volatile.Read(ref from->Sequence);
                *to = *from;
                Volatile.ReadBarrier();
                if ((sequence & 1) == 0 && Volatile.Read(ref from->Sequence) == sequence)
                {
                    break;
                }
                spin.SpinOnce(); // a worker writes here: some nanoseconds
            }
        }
    }

    /// <summary>Writes each station with its port and its age in milliseconds, for another process, whose hash is another; no worker learns meanwhile.</summary>
    public void Save(BinaryWriter to, uint now)
    {
        for (int b = 0; b < Buckets; b++)
        {
            Bucket* bucket = _buckets.Start + b;
            for (int i = 0; i < Ways; i++)
            {
                uint age = AgeOf(bucket, i, now);
                if (bucket->Stations[i] != 0 && age < _age + ClockSpread)
                {
                    to.Write(bucket->Stations[i]);
                    to.Write(bucket->Ports[i]);
                    to.Write(age > ClockSpread ? age - ClockSpread : 0);
                }
            }
        }
        to.Write(0UL);
    }

    /// <summary>Learns the stations that <see cref="Save"/> wrote.</summary>
    public void Restore(BinaryReader from, uint now)
    {
        while (from.ReadUInt64() is > 0 and ulong station)
        {
            Write(BucketOf(station), station, from.ReadUInt16(), now - from.ReadUInt32());
        }
    }

    public void Dispose() => _buckets.Dispose();

    /// <summary>Frees the places of stations that were not heard for a time, or that are on a port.</summary>
    /// <param name="port">Null for any.</param>
    private void Forget(uint age, uint now, ushort? port = null)
    {
        for (int b = 0; b < Buckets; b++)
        {
            Bucket* bucket = _buckets.Start + b;
            SpinWait spin = default;
            int sequence = Volatile.Read(ref bucket->Sequence);
            if (sequence == 0)
            {
                continue; // never used: to write here would make its memory resident
            }
            while ((sequence & 1) != 0 || Interlocked.CompareExchange(ref bucket->Sequence, sequence + 1, sequence) != sequence)
            {
                spin.SpinOnce(); // a worker writes here: some nanoseconds
                sequence = Volatile.Read(ref bucket->Sequence);
            }
            for (int i = 0; i < Ways; i++)
            {
                if (port == null ? AgeOf(bucket, i, now) >= age + ClockSpread : bucket->Ports[i] == port)
                {
                    bucket->Stations[i] = 0;
                }
            }
            Volatile.Write(ref bucket->Sequence, sequence + 2);
        }
    }

    private static void Write(Bucket* bucket, ulong station, ushort port, uint now)
    {
        int sequence = Volatile.Read(ref bucket->Sequence);
        if ((sequence & 1) != 0 || Interlocked.CompareExchange(ref bucket->Sequence, sequence + 1, sequence) != sequence)
        {
            return; // another worker is writing here: the next packet will do
        }
        int place = 0;
        for (int i = 0; i < Ways; i++)
        {
            if (bucket->Stations[i] == station)
            {
                place = i;
                break;
            }
            if (bucket->Stations[i] == 0 || (bucket->Stations[place] != 0 && AgeOf(bucket, i, now) > AgeOf(bucket, place, now)))
            {
                place = i;
            }
        }
        bucket->Stations[place] = station;
        bucket->Ports[place] = port;
        bucket->Seen[place] = now;
        Volatile.Write(ref bucket->Sequence, sequence + 2);
    }

    /// <summary>Milliseconds since the station was heard, and <see cref="ClockSpread"/> more.</summary>
    private static uint AgeOf(Bucket* bucket, int place, uint now) => now - bucket->Seen[place] + ClockSpread;

    // The VLAN keeps stations of different networks apart; bit 63 tells a station from a free place.
    private static ulong StationOf(ulong mac, in FlowKey packet) => mac | ((ulong)(packet.Vlan.Host & 0x0fff) << 48) | (1UL << 63);

    private Bucket* BucketOf(ulong station)
    {
        FlowKey key = default;
        System.Runtime.CompilerServices.Unsafe.As<FlowKey, ulong>(ref key) = station;
        return _buckets.Start + (int)(_hash.Compute(key) & (Buckets - 1));
    }

    [StructLayout(LayoutKind.Explicit, Size = 64)]
    private struct Bucket
    {
        [FieldOffset(0)]
        public fixed ulong Stations[Ways];

        [FieldOffset(24)]
        public fixed uint Seen[Ways];

        [FieldOffset(36)]
        public fixed ushort Ports[Ways];

        [FieldOffset(44)]
        public int Sequence;
    }
}
