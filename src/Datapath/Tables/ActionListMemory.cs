using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>Memory of compiled action lists, bounded. Entries with equal actions share one list.</summary>
/// <remarks>
/// Many entries of a table do the same, so the lists that packets need are few and stay in the workers' caches, also while entries change. Threads: the control side.
/// </remarks>
internal sealed unsafe class ActionListMemory : IReclaimer, IDisposable
{
    /// <summary>An OpenFlow message of 64 KiB has no more actions.</summary>
    public const int MaxActions = 8191;

    // A list that replaces another counts beside it until no worker holds the old one, so a full memory still lets lists be replaced.
    private static readonly long ReplacementReserve = BuddyMemory.LargestBlock;

    // The packet-outs under way have lists, too. Flow entries that use up the limit must leave them room.
    private const long PacketOutReserve = 4 << 20;

    // Retired items that are reclaimed between two tries to find room.
    private const int ReclaimSlice = 64;

    private readonly GracePeriod _grace;
    private readonly FlowHash _hash;
    private readonly BuddyMemory _memory;
    private ActionList* _scratch = (ActionList*)NativeMemory.Alloc((nuint)BytesOf(MaxActions));
    private readonly Dictionary<SharedList, Use> _uses = [];
    private volatile int _longCount;

    /// <param name="limit">Bytes that the lists of flow entries may take.</param>
    public ActionListMemory(GracePeriod grace, in FlowHash hash, long limit)
    {
        _grace = grace;
        _hash = hash;
        Limit = limit;
        _memory = new BuddyMemory(limit + PacketOutReserve);
    }

    /// <summary>Lists that are in use or wait for workers.</summary>
    public int ListCount => _uses.Count;

    /// <summary>Whether any list is long (<see cref="ActionList.IsLong"/>). Any thread.</summary>
    public bool HasLong => _longCount > 0;

    /// <summary>Bytes that these lists take.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>Bytes that the lists of flow entries may take.</summary>
    public long Limit { get; }

    /// <summary>Compiles the list of a new flow entry, or of one that replaces another. False if that takes too much memory.</summary>
    /// <param name="actions">Checked: each is one that works.</param>
    /// <param name="compiled">One reference to it, which <see cref="Return"/> or <see cref="Retire"/> takes back.</param>
    public bool TryCompile(ReadOnlySpan<FlowAction> actions, bool replaces, out ActionsReference compiled)
    {
        long limit = replaces ? Limit + ReplacementReserve : Limit;
        if (TryCompile(actions, limit, out compiled))
        {
            return true;
        }
        if (!_grace.HasWork)
        {
            return false;
        }
        // Lists of entries deleted just before make room.
        _grace.Wait();
        while (!TryCompile(actions, limit, out compiled))
        {
            if (!_grace.Poll(ReclaimSlice))
            {
                return TryCompile(actions, limit, out compiled);
            }
        }
        return true;
    }

    /// <summary>As <see cref="TryCompile(ReadOnlySpan{FlowAction}, bool, out ActionsReference)"/>, for a packet-out.</summary>
    public bool TryCompileForPacketOut(ReadOnlySpan<FlowAction> actions, out ActionsReference compiled) => TryCompile(actions, Limit + PacketOutReserve, out compiled);

    /// <summary>One more reference to the same list.</summary>
    public ActionsReference Share(ActionsReference actions)
    {
        if (!actions.IsDrop && !actions.IsPort)
        {
            CollectionsMarshal.GetValueRefOrNullRef(_uses, new SharedList(actions.List)).References++;
        }
        return actions;
    }

    /// <summary>Takes back actions that workers may still be executing.</summary>
    public void Retire(ActionsReference actions)
    {
        if (!actions.IsDrop && !actions.IsPort)
        {
            _grace.Retire(this, (nint)actions.List);
        }
    }

    /// <summary>Takes back actions that no worker executes.</summary>
    public void Return(ActionsReference actions)
    {
        if (!actions.IsDrop && !actions.IsPort)
        {
            ((IReclaimer)this).Reclaim((nint)actions.List);
        }
    }

    /// <summary>The actions as they were given. A single port is written to <paramref name="storage"/>, which the result may refer to.</summary>
    public static ReadOnlySpan<FlowAction> Decompile(ActionsReference actions, FlowAction[] storage)
    {
        if (actions.IsDrop)
        {
            return [];
        }
        if (actions.IsPort)
        {
            storage[0] = FlowAction.Output(actions.Port, actions.MaxLength);
            return storage.AsSpan(0, 1);
        }
        return ActionList.ActionsOf(actions.List);
    }

    /// <summary>Whether one of the actions sends to the port; NONE asks for nothing (§4.6, out_port).</summary>
    /// <param name="storage">As <see cref="Decompile"/>'s.</param>
    public static bool SendsTo(ActionsReference actions, ushort port, FlowAction[] storage)
    {
        if (port == Ports.PortNumber.None)
        {
            return true;
        }
        foreach (ref readonly FlowAction action in Decompile(actions, storage))
        {
            if (action.Kind is ActionKind.Output or ActionKind.Enqueue && action.Port == port)
            {
                return true;
            }
        }
        return false;
    }

    void IReclaimer.Reclaim(nint item)
    {
        ActionList* list = (ActionList*)item;
        if (--CollectionsMarshal.GetValueRefOrNullRef(_uses, new SharedList(list)).References == 0)
        {
            _uses.Remove(new SharedList(list));
            _longCount -= list->IsLong ? 1 : 0;
            int bytes = BytesOf(list->Count);
            UsedBytes -= BuddyMemory.BlockFor(bytes);
            _memory.Return((byte*)list, bytes);
        }
    }

    public void Dispose()
    {
        _memory.Dispose();
        NativeMemory.Free(_scratch);
        _scratch = null; // disposing once more does nothing
    }

    /// <summary>Keyed, and another secret in each run: a controller cannot make lists collide.</summary>
    internal int HashOf(ReadOnlySpan<FlowAction> actions) => (int)_hash.Compute(MemoryMarshal.Cast<FlowAction, Vector128<byte>>(actions));

    private bool TryCompile(ReadOnlySpan<FlowAction> actions, long limit, out ActionsReference compiled)
    {
        compiled = ActionsReference.Drop;
        if (actions.IsEmpty)
        {
            return true;
        }
        if (actions.Length == 1 && actions[0].Kind == ActionKind.Output && Ports.PortNumber.IsPhysical(actions[0].Port))
        {
            compiled = ActionsReference.ToPort(actions[0].Port, (ushort)actions[0].Value);
            return true;
        }
        _scratch->Count = (ushort)actions.Length;
        _scratch->Hash = HashOf(actions);
        actions.CopyTo(new Span<FlowAction>(ActionList.First(_scratch), actions.Length));
        ref Use known = ref CollectionsMarshal.GetValueRefOrNullRef(_uses, new SharedList(_scratch));
        if (!Unsafe.IsNullRef(ref known))
        {
            known.References++;
            compiled = ActionsReference.ToList(known.List);
            return true;
        }
        int bytes = BytesOf(actions.Length);
        int block = BuddyMemory.BlockFor(bytes);
        ActionList* list = UsedBytes + block <= limit ? (ActionList*)_memory.TryRent(bytes) : null;
        if (list == null)
        {
            return false;
        }
        UsedBytes += block;
        *list = *_scratch;
        list->LastOutput = (short)(actions.Length - 1);
        while (list->LastOutput >= 0 && !actions[list->LastOutput].IsOutput)
        {
            list->LastOutput--;
        }
        list->FindShortcut(actions);
        list->Weigh(actions[..(list->LastOutput + 1)]);
        _longCount += list->IsLong ? 1 : 0; // before a worker can see it
        actions.CopyTo(new Span<FlowAction>(ActionList.First(list), actions.Length));
        _uses.Add(new SharedList(list), new Use { List = list, References = 1 });
        compiled = ActionsReference.ToList(list);
        return true;
    }

    private static int BytesOf(int actions) => ActionList.Size + (actions * FlowAction.Size);

    /// <summary>Not in the list itself, whose cache line workers read all the time.</summary>
    private struct Use
    {
        public ActionList* List;

        /// <summary>How many entries and packets have it, those included that workers may not have let go of yet.</summary>
        public int References;
    }

    /// <summary>A list that is equal to another if its actions are.</summary>
    private readonly struct SharedList(ActionList* list) : IEquatable<SharedList>
    {
        public ActionList* List => list;

        public bool Equals(SharedList other) => list == other.List
            || (list->Hash == other.List->Hash && MemoryMarshal.AsBytes(ActionList.ActionsOf(list)).SequenceEqual(MemoryMarshal.AsBytes(ActionList.ActionsOf(other.List))));

        public override bool Equals(object? obj) => obj is SharedList other && Equals(other);

        public override int GetHashCode() => list->Hash;
    }
}
