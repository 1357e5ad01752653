using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Fragments;

/// <summary>Makes datagrams of IPv4 fragments: a fixed number at a time, for a fixed time each (RFC 791 §3.2, RFC 1122 §3.3.2).</summary>
/// <remarks>
/// <para>
/// Each datagram in the making owns one large frame that its fragments are copied into; their own frames are free at once. So memory is
/// bounded by the number of datagrams, and the work per fragment by its length. When all places are taken the oldest gives
/// way. The hash is keyed, so a sender cannot make fragments collide.
/// </para>
/// <para>
/// Strictness is that of RFC 5722 for IPv6: an overlap discards the datagram with everything that still comes of it until its time is over.
/// An exact copy of a fragment that is there is merely ignored. Every fragment is held, became part of a datagram that was returned, or is
/// counted under one <see cref="DropReason"/>; all on the account it came with, and fragments with different ones never meet.
/// </para>
/// Threads: one worker's. All fragments of a datagram come in by one port, and so to one worker.
/// </remarks>
internal sealed unsafe class Reassembler : IDisposable
{
    private readonly NativeArray<PartialDatagram> _datagrams;
    private readonly NativeArray<int> _buckets;
    private readonly FlowHash _hash;
    private readonly FrameCache _frames;
    private readonly uint _timeout;
    private int _free;
    private int _fresh = 1; // places from here on were never used, and are not resident
    private int _oldest;
    private int _newest;

    /// <param name="capacity">Datagrams that can be in the making, at least 1.</param>
    /// <param name="timeoutMilliseconds">From a datagram's first fragment to its end.</param>
    public Reassembler(int capacity, uint timeoutMilliseconds, FlowHash hash, FrameCache frames)
    {
        _datagrams = new NativeArray<PartialDatagram>(capacity + 1);
        _buckets = new NativeArray<int>((int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)capacity * 2));
        _timeout = timeoutMilliseconds;
        _hash = hash;
        _frames = frames;
    }

    /// <summary>Datagrams in the making and refused ones whose time is not over.</summary>
    public int Count { get; private set; }

    /// <summary>Large frames held.</summary>
    public int HeldFrameCount { get; private set; }

    /// <summary>Takes a fragment and its ownership.</summary>
    /// <param name="key">As parsed.</param>
    /// <param name="network">Offset of its IPv4 header.</param>
    /// <param name="account">Of the side it came in by; valid until <see cref="Abandon"/> names it.</param>
    /// <param name="now">Worker clock; expired datagrams are gone before (<see cref="Expire"/>).</param>
    /// <param name="datagram">The whole, the caller's, if this was the last missing piece.</param>
    public bool TryComplete(in Packet fragment, in FlowKey key, int network, PacketAccount* account, uint now, out Packet datagram)
    {
        datagram = default;
        // Senders finish checksums before they fragment, so a fragment that owes one is not what it says.
        if (fragment.HasOffload || !FragmentHeader.TryRead(fragment.Bytes, network, out FragmentHeader header))
        {
            _frames.Drop(fragment, DropReason.FragmentRefused, account);
            return false;
        }
        FlowKey id = IdentityOf(key, header);
        int* bucket = BucketOf(id);
        int index = Find(*bucket, id, account);
        if (index == 0 && !TryBegin(id, account, now, out index))
        {
            _frames.Drop(fragment, DropReason.NoFrame, account);
            return false;
        }
        ref PartialDatagram partial = ref _datagrams.Start[index];
        FragmentFit fit = partial.IsRefused ? FragmentFit.Contradiction : partial.Place(fragment.Bytes, header);
        if (fit == FragmentFit.New)
        {
            account->Held++;
            _frames.Release(fragment);
            return partial.IsComplete && TryTake(index, out datagram);
        }
        _frames.Drop(fragment, fit == FragmentFit.Duplicate ? DropReason.FragmentDuplicate : DropReason.FragmentRefused, account);
        if (fit == FragmentFit.Contradiction)
        {
            Refuse(ref partial);
        }
        return false;
    }

    /// <summary>Gives up the datagrams whose time is over. Cheap when there are none.</summary>
    public void Expire(uint now)
    {
        while (_oldest != 0 && now - _datagrams.Start[_oldest].Since >= _timeout)
        {
            GiveUp(_oldest, DropReason.ReassemblyTimeout);
        }
    }

    /// <summary>Gives up all datagrams.</summary>
    public void Clear()
    {
        while (_oldest != 0)
        {
            GiveUp(_oldest, DropReason.ReassemblyTimeout);
        }
    }

    /// <summary>Gives up the datagrams of a port that is gone: its account ends.</summary>
    public void Abandon(PacketAccount* account)
    {
        for (int index = _oldest; index != 0;)
        {
            int next = _datagrams.Start[index].Newer;
            if (_datagrams.Start[index].Account == account)
            {
                GiveUp(index, DropReason.ReassemblyTimeout);
            }
            index = next;
        }
    }

    public void Dispose()
    {
        Clear();
        _datagrams.Dispose();
        _buckets.Dispose();
    }

    private static FlowKey IdentityOf(in FlowKey key, in FragmentHeader header)
    {
        FlowKey id = key;
        id.NwTos = 0; // may differ between fragments
        id.TpSrc = Be16.FromHost(header.Identification);
        return id;
    }

    private int* BucketOf(in FlowKey id) => _buckets.Start + (int)(_hash.Compute(id) & (uint)(_buckets.Length - 1));

    private int Find(int index, in FlowKey id, PacketAccount* account)
    {
        while (index != 0 && (_datagrams.Start[index].Account != account || !FlowKey.Equals(_datagrams.Start[index].Key, id)))
        {
            index = _datagrams.Start[index].NextInBucket;
        }
        return index;
    }

    private bool TryBegin(in FlowKey id, PacketAccount* account, uint now, out int index)
    {
        if (_free == 0 && _fresh < _datagrams.Length)
        {
            _free = _fresh++; // untouched, so the last in its list
        }
        if (_free == 0)
        {
            GiveUp(_oldest, DropReason.ReassemblyFull);
        }
        index = _free;
        if (!_frames.TryRentLarge(out Packet frame))
        {
            return false;
        }
        HeldFrameCount++;
        ref PartialDatagram partial = ref _datagrams.Start[index];
        _free = partial.NextInBucket;
        partial.Begin(id, account, frame, now);
        int* bucket = BucketOf(id);
        partial.NextInBucket = *bucket;
        *bucket = index;
        partial.Older = _newest;
        if (_newest != 0)
        {
            _datagrams.Start[_newest].Newer = index;
        }
        else
        {
            _oldest = index;
        }
        _newest = index;
        Count++;
        return true;
    }

    private bool TryTake(int index, out Packet datagram)
    {
        ref PartialDatagram partial = ref _datagrams.Start[index];
        if (!partial.TryFinish(out datagram))
        {
            Refuse(ref partial);
            return false;
        }
        partial.Frame = default;
        HeldFrameCount--;
        partial.Account->Held -= (uint)partial.Fragments;
        partial.Account->Used += (uint)partial.Fragments;
        partial.Account->Made++;
        Forget(index);
        return true;
    }

    /// <summary>The datagram is no more; its place remembers it, so that what still comes does not start it anew.</summary>
    private void Refuse(ref PartialDatagram partial)
    {
        DropFragments(ref partial, DropReason.FragmentRefused);
    }

    private void GiveUp(int index, DropReason reason)
    {
        ref PartialDatagram partial = ref _datagrams.Start[index];
        DropFragments(ref partial, reason);
        Forget(index);
    }

    /// <summary>Their own frames are gone since they were placed.</summary>
    private void DropFragments(ref PartialDatagram partial, DropReason reason)
    {
        partial.Account->Held -= (uint)partial.Fragments;
        partial.Account->CountDrops(reason, partial.Fragments);
        partial.Fragments = 0;
        if (!partial.IsRefused)
        {
            _frames.Release(partial.Frame);
            partial.Frame = default;
            HeldFrameCount--;
        }
    }

    /// <summary>Unlinks a datagram and frees its place.</summary>
    private void Forget(int index)
    {
        ref PartialDatagram partial = ref _datagrams.Start[index];
        int* link = BucketOf(partial.Key);
        while (*link != index)
        {
            link = &_datagrams.Start[*link].NextInBucket;
        }
        *link = partial.NextInBucket;
        (partial.Older == 0 ? ref _oldest : ref _datagrams.Start[partial.Older].Newer) = partial.Newer;
        (partial.Newer == 0 ? ref _newest : ref _datagrams.Start[partial.Newer].Older) = partial.Older;
        partial.NextInBucket = _free;
        _free = index;
        Count--;
    }
}
