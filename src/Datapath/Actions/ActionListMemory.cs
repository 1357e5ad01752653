using System.Numerics;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Workers;

namespace Softswitch.Datapath.Actions;

/// <summary>Memory of compiled action lists, in blocks of power-of-two sizes.</summary>
/// <remarks>Threads: the control side.</remarks>
internal sealed unsafe class ActionListMemory : IReclaimer, IDisposable
{
    /// <summary>An OpenFlow message of 64 KiB has no more actions.</summary>
    public const int MaxActions = 8191;

    // 64 bytes (one action) up to 256 KiB.
    private const int SmallestShift = 6;
    private const int Classes = 13;

    private readonly GracePeriod _grace;
    private readonly NativeBlocks?[] _blocks = new NativeBlocks?[Classes];

    public ActionListMemory(GracePeriod grace) => _grace = grace;

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
        list->Count = actions.Length;
        list->SizeClass = sizeClass;
        list->LastOutput = actions.Length - 1;
        while (list->LastOutput >= 0 && !actions[list->LastOutput].IsOutput)
        {
            list->LastOutput--;
        }
        list->FindShortcut(actions);
        actions.CopyTo(new Span<FlowAction>(ActionList.First(list), actions.Length));
        return ActionsReference.ToList(list);
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

    void IReclaimer.Reclaim(nint item) => _blocks[((ActionList*)item)->SizeClass]!.Return((byte*)item);

    public void Dispose()
    {
        foreach (NativeBlocks? blocks in _blocks)
        {
            blocks?.Dispose();
        }
    }
}
