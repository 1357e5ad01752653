using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>One worker's latest results from table 1, by the packet's whole key, so that the next packet of a flow needs no search.</summary>
/// <remarks>
/// <para>
/// Its size is bounded: packets of ever new flows push others out and cost themselves a search, no more. It begins small, because flows scatter over
/// all of its pages, and grows, empty at first, when flows push each other out. A result holds as long as
/// <see cref="ChangeJournal"/> shows no change that concerns the packet; so a flow-mod invalidates only the flows it matches.
/// </para>
/// <para>
/// A set is eight 16-bit signatures, side by side with other sets' so that they stay in the processor's nearer caches, and eight flows of a
/// cache line each, of which mostly one is touched. Threads: one worker.
/// </para>
/// </remarks>
internal sealed unsafe class FlowCache : IDisposable
{
    private const int Ways = 8;

    // If the cache knows fewer than one packet in eight, most batches skip it: it costs more than it saves.
    private const int LeastUse = 8;
    private const int PacketsPerJudgement = 2048;
    private const int BatchesPerTrial = 32;

    private const int FirstCapacity = 1024;
    private const int Growth = 4;

    private readonly int _mostFlows;
    private NativeArray<ushort> _signatures;
    private NativeArray<CachedFlow> _flows;
    private ulong _setMask;
    private long _pushedOut; // since it has this size
    private uint _victim;
    private int _asked;
    private int _known;
    private bool _isUseless;
    private uint _batches;

    /// <param name="capacity">Flows it may come to hold; rounded up to a power of two.</param>
    public FlowCache(int capacity)
    {
        _mostFlows = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(capacity, Ways));
        Allocate(Math.Min(FirstCapacity, _mostFlows));
    }

    /// <summary>Flows it can hold now.</summary>
    public int Capacity => _flows.Length;

    /// <summary>Whether the next batch should be looked up here: always, or once in a while if traffic is of ever new flows.</summary>
    public bool IsWorthwhile() => !_isUseless || ++_batches % BatchesPerTrial == 0;

    /// <summary>Tells how many packets of a batch were known.</summary>
    public void NoteUse(int asked, int known)
    {
        _asked += asked;
        _known += known;
        if (_asked >= PacketsPerJudgement)
        {
            bool isFull = _pushedOut > Capacity / Growth;
            if (isFull && Capacity < _mostFlows)
            {
                Grow();
            }
            _isUseless = isFull && _known < _asked / LeastUse && Capacity == _mostFlows;
            _asked = 0;
            _known = 0;
        }
    }

    /// <summary>Asks for the signatures with which <see cref="CandidateFor"/> begins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prepare(ulong hash) => Prefetch.Line(_signatures.Start + (SetOf(hash) * Ways));

    /// <summary>The flow that this hash is most likely of; its key is to be compared.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public CachedFlow* CandidateFor(ulong hash)
    {
        ulong first = SetOf(hash) * Ways;
        uint fitting = FittingWays(first, hash);
        CachedFlow* flow = _flows.Start + first + (uint)(BitOperations.TrailingZeroCount(fitting) & (Ways - 1)); // without any the first
        Prefetch.Line(flow);
        return flow;
    }

    /// <summary>The result for a packet with this key, as of change <paramref name="now"/>.</summary>
    /// <param name="index">The entry, or 0 if it is known that there is none.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFind(CachedFlow* flow, in FlowKey key, ChangeJournal journal, long now, out uint index)
    {
        index = flow->Index;
        if (!FlowKey.Equals(flow->Key, key))
        {
            return false;
        }
        if (flow->AsOf != now)
        {
            if (journal.MayHaveChanged(key, flow->AsOf, now))
            {
                return false;
            }
            flow->AsOf = now;
        }
        return true;
    }

    /// <summary>Keeps the result of a search: in the flow's old place, if it has one, else in place of another flow.</summary>
    /// <param name="asOf">The last change that was complete when the search began.</param>
    public void Keep(ulong hash, in FlowKey key, uint index, long asOf)
    {
        ulong first = SetOf(hash) * Ways;
        uint fitting = FittingWays(first, hash);
        ulong place = first + (fitting == 0 ? _victim++ % Ways : (uint)BitOperations.TrailingZeroCount(fitting));
        _pushedOut += fitting == 0 && _signatures.Start[place] != 0 ? 1 : 0;
        CachedFlow* flow = _flows.Start + place;
        flow->Key = key;
        flow->Index = index;
        flow->AsOf = asOf;
        _signatures.Start[place] = SignatureOf(hash);
    }

    public void Dispose()
    {
        _signatures.Dispose();
        _flows.Dispose();
    }

    /// <summary>Grows, between two batches, and becomes empty. Each flow costs one search until it is known again.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow()
    {
        int capacity = Math.Min(Growth * Capacity, _mostFlows);
        Dispose();
        Allocate(capacity);
    }

    [MemberNotNull(nameof(_signatures), nameof(_flows))]
    private void Allocate(int capacity)
    {
        _signatures = new NativeArray<ushort>(capacity);
        _flows = new NativeArray<CachedFlow>(capacity);
        _setMask = (uint)(capacity / Ways) - 1;
        _pushedOut = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint FittingWays(ulong first, ulong hash) =>
        Vector128.Equals(Vector128.Load(_signatures.Start + first), Vector128.Create(SignatureOf(hash))).ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong SetOf(ulong hash) => (hash >> 32) & _setMask;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort SignatureOf(ulong hash) => (ushort)(hash >> 8);
}

/// <summary>One flow of a <see cref="FlowCache"/>: a cache line. All zero is older than any change.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct CachedFlow
{
    public FlowKey Key;

    /// <summary>The change up to which <see cref="Index"/> holds.</summary>
    public long AsOf;

    public uint Index;
}
