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
    private readonly FlowEntry* _entries;
    private readonly FlowCounting _counting;
    private readonly ActionExecutor _executor;
    private readonly NativeArray<ActionsReference> _actions = new(PacketBatch.Capacity);
    private readonly NativeArray<ActionList> _asItIs = new(1);

    public BatchExecutor(FlowStore store, FlowCounting counting, ActionExecutor executor)
    {
        _entries = store.Entries;
        _counting = counting;
        _executor = executor;
        ActionList.MakePassThrough(_asItIs.Start);
    }

    /// <summary>Ends the ownership of every packet.</summary>
    /// <param name="found">Their entries; 0 for a miss.</param>
    /// <param name="count">How many of them; at least 1.</param>
    /// <param name="now">Worker clock in milliseconds.</param>
    /// <returns>Packets without an entry.</returns>
    public int Execute(ref Packet packets, FlowKey* keys, HeaderOffsets* layouts, uint* found, ushort inPort, int count, uint now)
    {
        int misses = Count(ref packets, found, count, now, out bool alike);
        if (!alike || !TrySendAlike(ref packets, inPort, count))
        {
            SendEach(ref packets, keys, layouts, found, inPort, count);
        }
        return misses;
    }

    public void Dispose()
    {
        _actions.Dispose();
        _asItIs.Dispose();
    }

    /// <param name="alike">Whether all have the same actions, and none owes anything.</param>
    [MethodImpl(MethodImplOptions.NoInlining)] // its loop needs the registers; so below
    private int Count(ref Packet packets, uint* found, int count, uint now, out bool alike)
    {
        ActionsReference* actions = _actions.Start;
        FlowEntry* entries = _entries;
        ActionsReference first = ActionsReference.Read(ref entries[*found].Actions);
        bool differ = false;
        PacketFlags flags = PacketFlags.None;
        int misses = 0;
        for (int i = 0; i < count; i++)
        {
            ref readonly Packet packet = ref Unsafe.Add(ref packets, i);
            uint index = found[i];
            flags |= packet.Flags;
            if (index == 0)
            {
                misses++;
                continue;
            }
            _counting.Count(index, packet.Length, now);
            actions[i] = ActionsReference.Read(ref entries[index].Actions);
            differ |= actions[i] != first;
        }
        alike = !differ & misses == 0 & flags == PacketFlags.None;
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
