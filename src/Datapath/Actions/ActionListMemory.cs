using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Softswitch.Datapath.Classification;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Workers;

namespace Softswitch.Datapath.Actions;

/// <summary>Memory of compiled action lists, in blocks of power-of-two sizes. Entries with equal actions share one list.</summary>
/// <remarks>
/// Many entries of a table do the same, so the lists that packets need are few and stay in the workers' caches, also while entries change. Threads: the control side.
/// </remarks>
internal sealed unsafe class ActionListMemory : IReclaimer, IDisposable
{
    /// <summary>An OpenFlow message of 64 KiB has no more actions.</summary>
    public const int MaxActions = 8191;

    // 64 bytes (one action) up to 256 KiB.
    private const int SmallestShift = 6;
    private const int Classes = 13;

    private readonly GracePeriod _grace;
    private readonly FlowHash _hash;
    private readonly NativeBlocks?[] _blocks = new NativeBlocks?[Classes];
    private readonly Dictionary<SharedList, Use> _uses = [];

    public ActionListMemory(GracePeriod grace, in FlowHash hash)
    {
        _grace = grace;
        _hash = hash;
    }

    /// <summary>Lists that are in use or wait for workers.</summary>
    public int RentedCount => _blocks.Sum(blocks => blocks?.RentedCount ?? 0);

    /// <summary>Compiles a list that <see cref="ActionValidator"/> has passed.</summary>
    public ActionsReference Compile(ReadOnlySpan<FlowAction> actions)
    {
        if (actions.IsEmpty)
        {
            return ActionsReference.Drop;
        }
        if (actions.Length == 1 && actions[0].Kind == ActionKind.Output && Ports.PortNumber.IsPhysical(actions[0].Port))
        {
            return ActionsReference.ToPort(actions[0].Port, (ushort)actions[0].Value);
        }
        int bytes = ActionList.Size + (actions.Length * FlowAction.Size);
        int sizeClass = Math.Max(0, 32 - BitOperations.LeadingZeroCount((uint)(bytes - 1)) - SmallestShift);
        NativeBlocks blocks = _blocks[sizeClass] ??= new NativeBlocks(1 << (sizeClass + SmallestShift));
        ActionList* list = (ActionList*)blocks.Rent();
        list->Count = (ushort)actions.Length;
        list->SizeClass = (byte)sizeClass;
        list->LastOutput = (short)(actions.Length - 1);
        while (list->LastOutput >= 0 && !actions[list->LastOutput].IsOutput)
        {
            list->LastOutput--;
        }
        list->FindShortcut(actions);
        actions.CopyTo(new Span<FlowAction>(ActionList.First(list), actions.Length));
        list->Hash = HashOf(actions);
        ref Use use = ref CollectionsMarshal.GetValueRefOrAddDefault(_uses, new SharedList(list), out bool isKnown);
        if (isKnown)
        {
            blocks.Return((byte*)list);
        }
        else
        {
            use.List = list;
        }
        use.References++;
        return ActionsReference.ToList(use.List);
    }

    /// <summary>Takes back actions that workers may still be executing.</summary>
    public void Retire(ActionsReference actions)
    {
        if (!actions.IsDrop && !actions.IsPort)
        {
            _grace.Retire(this, (nint)actions.List);
        }
    }

    /// <summary>Takes back actions that nobody executes.</summary>
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

    void IReclaimer.Reclaim(nint item)
    {
        ActionList* list = (ActionList*)item;
        if (--CollectionsMarshal.GetValueRefOrNullRef(_uses, new SharedList(list)).References == 0)
        {
            _uses.Remove(new SharedList(list));
            _blocks[list->SizeClass]!.Return((byte*)list);
        }
    }

    public void Dispose()
    {
        foreach (NativeBlocks? blocks in _blocks)
        {
            blocks?.Dispose();
        }
    }

    /// <summary>Keyed, and another secret in each run: a controller cannot make lists collide.</summary>
    internal int HashOf(ReadOnlySpan<FlowAction> actions) => (int)_hash.Compute(MemoryMarshal.Cast<FlowAction, Vector128<byte>>(actions));

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
