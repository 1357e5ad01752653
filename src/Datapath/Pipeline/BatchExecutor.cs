using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Counts a batch of packets for their flow entries and does with each what its entry says: the common cases here, the others by <see cref="ActionExecutor"/>.</summary>
/// <remarks>
/// Common are a packet that goes out of one port as it is, and one that gets new Ethernet addresses before. Which of the two comes next, and for which port, is a matter of
/// chance where flows mix, and a processor that guesses wrong loses more time than either takes; so both go the same way, without a branch between them.
/// Threads: one worker.
/// </remarks>
internal sealed unsafe class BatchExecutor : IDisposable
{
    // A batch of fewer bytes costs little, whatever is in it, as long as nothing is cut and no list is long.
    private const uint MostPlainBytes = PacketBatch.Capacity << 12;

    private readonly FlowEntry* _entries;
    private readonly FlowCounting _counting;
    private readonly ActionExecutor _executor;
    private readonly ActionListMemory _lists;
    private readonly FrameCache _frames;
    private readonly NativeArray<ActionsReference> _actions = new(PacketBatch.Capacity);
    private readonly NativeArray<ActionList> _asItIs = new(1);

    public BatchExecutor(FlowStore store, ActionListMemory lists, FrameCache frames, FlowCounting counting, ActionExecutor executor)
    {
        _entries = store.Entries;
        _lists = lists;
        _frames = frames;
        _counting = counting;
        _executor = executor;
        ActionList.MakePassThrough(_asItIs.Start);
    }

    /// <summary>Whether packets of a batch that has been looked up may cost more than <see cref="PacketCost.Plain"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool MayBeCostly(PipelineBatch batch) =>
        (batch.Flags & PacketFlags.NeedsSegmentation) != 0 || batch.Bytes > MostPlainBytes || _lists.HasLong || PacketCost.AreMany(_executor.PortCount);

    /// <summary>How many packets, from the first on, cost no more than <see cref="PacketCost.Plain"/> each.</summary>
    /// <param name="cost">Of these.</param>
    public int CountPlain(PipelineBatch batch, out int cost)
    {
        cost = 0;
        int plain = 0;
        for (; plain < batch.Count; plain++)
        {
            int one = CostOf(batch.Found[plain], Unsafe.Add(ref batch.First, plain), batch.Keys[plain]);
            if (one > PacketCost.Plain)
            {
                break;
            }
            cost += one;
        }
        return plain;
    }

    /// <summary>Counts the only packet of a batch for its entry.</summary>
    /// <param name="cost">The packet's, if it has been executed.</param>
    /// <returns>The list that is to be executed step by step; null if nothing can be parted, and it has been executed.</returns>
    public ActionList* BeginAlone(PipelineBatch batch, uint now, out int cost)
    {
        uint found = *batch.Found;
        ref Packet packet = ref batch.First;
        cost = CostOf(found, packet, *batch.Keys);
        ActionsReference actions = ActionsReference.Drop;
        if (found != 0)
        {
            _counting.Count(found, 1, (uint)packet.Length, now);
            actions = ActionsReference.Read(ref _entries[found].Actions);
            if (!actions.IsPort && !actions.IsDrop)
            {
                _executor.Trace?.Found(found, actions, packet, *batch.Keys);
                return actions.List;
            }
        }
        Execute(ref packet, batch.Keys, batch.Layouts, found, actions, batch.InPort);
        return null;
    }

    /// <summary>Ends the ownership of every packet of a batch that has been looked up.</summary>
    /// <param name="now">Worker clock in milliseconds.</param>
    /// <returns>Packets without an entry.</returns>
    public int Execute(PipelineBatch batch, uint now)
    {
        int count = batch.Count;
        uint* found = batch.Found;
        int misses = 0;
        bool alike;
        if (*found != 0 && !new ReadOnlySpan<uint>(found, count).ContainsAnyExcept(*found))
        {
            CountTogether(*found, batch, now);
            alike = true;
        }
        else
        {
            misses = CountEach(batch, now, out alike);
        }
        if (!alike || batch.Flags != PacketFlags.None || !TrySendAlike(ref batch.First, batch.InPort, count))
        {
            SendEach(ref batch.First, batch.Keys, batch.Layouts, found, batch.InPort, count);
        }
        return misses;
    }

    public void Dispose()
    {
        _actions.Dispose();
        _asItIs.Dispose();
    }

    private int CostOf(uint found, in Packet packet, in FlowKey key)
    {
        if (found == 0)
        {
            return PacketCost.Of(_executor.MissBehaviour == MissBehaviour.Normal ? _executor.CountBridged(key) : 1, packet, _frames);
        }
        ActionsReference actions = ActionsReference.Read(ref _entries[found].Actions);
        bool isNormal = !actions.IsPort && !actions.IsDrop && actions.List->Normals > 0;
        return PacketCost.Of(actions, packet, _frames, _executor.PortCount, isNormal ? _executor.CountBridged(key) : 0);
    }

    private void CountTogether(uint index, PipelineBatch batch, uint now)
    {
        _counting.Count(index, (uint)batch.Count, batch.Bytes, now);
        new Span<ActionsReference>(_actions.Start, batch.Count).Fill(ActionsReference.Read(ref _entries[index].Actions));
    }

    /// <param name="alike">Whether all have the same actions.</param>
    [MethodImpl(MethodImplOptions.NoInlining)] // its loop needs the registers; so below
    private int CountEach(PipelineBatch batch, uint now, out bool alike)
    {
        ref Packet packets = ref batch.First;
        uint* found = batch.Found;
        int count = batch.Count;
        ActionsReference* actions = _actions.Start;
        FlowEntry* entries = _entries;
        FlowCounting counting = _counting;
        ActionsReference first = ActionsReference.Read(ref entries[*found].Actions);
        bool differ = false;
        int misses = 0;
        for (int i = 0; i < count; i++)
        {
            uint index = found[i];
            if (index == 0)
            {
                misses++;
                continue;
            }
            counting.Count(index, 1, (uint)Unsafe.Add(ref packets, i).Length, now);
            actions[i] = ActionsReference.Read(ref entries[index].Actions);
            differ |= actions[i] != first;
        }
        alike = !differ & misses == 0;
        return misses;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TrySendAlike(ref Packet packets, ushort inPort, int count)
    {
        ActionsReference actions = *_actions.Start;
        if (actions.IsDrop)
        {
            return false;
        }
        ActionList* rewrite = actions.ListOr(_asItIs.Start);
        if (_executor.FindOpen(actions.PortOf(rewrite), inPort) is not OutputQueue open)
        {
            return false;
        }
        if (rewrite != _asItIs.Start)
        {
            for (int i = 0; i < count; i++)
            {
                ActionList.Rewrite(rewrite, Unsafe.Add(ref packets, i).Data);
            }
        }
        open.Add(ref packets, count);
        _executor.Ingress->Left += (uint)count;
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void SendEach(ref Packet packets, FlowKey* keys, HeaderOffsets* layouts, uint* found, ushort inPort, int count)
    {
        ActionsReference* actions = _actions.Start;
        ActionList* asItIs = _asItIs.Start;
        uint left = 0;
        for (int i = 0; i < count; i++)
        {
            ref Packet packet = ref Unsafe.Add(ref packets, i);
            if (found[i] != 0 && !actions[i].IsDrop)
            {
                ActionList* rewrite = actions[i].ListOr(asItIs);
                if (_executor.FindOpen(actions[i].PortOf(rewrite), inPort) is OutputQueue open && packet.Flags == PacketFlags.None)
                {
                    ActionList.Rewrite(rewrite, packet.Data);
                    open.Add(packet);
                    left++;
                    continue;
                }
            }
            Execute(ref packet, keys + i, layouts + i, found[i], actions[i], inPort);
        }
        _executor.Ingress->Left += left;
    }

    /// <summary>What is not common.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Execute(ref Packet packet, FlowKey* key, HeaderOffsets* layout, uint found, ActionsReference actions, ushort inPort)
    {
        _executor.Trace?.Found(found, actions, packet, *key);
        if (found == 0)
        {
            _executor.Miss(packet, *key, inPort);
        }
        else
        {
            _executor.Execute(actions, ref packet, *key, ref *layout, inPort);
        }
    }
}
