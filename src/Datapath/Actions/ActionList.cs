using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Actions;

/// <summary>Header of a block of native memory that holds a checked action list, its actions right behind.</summary>
/// <remarks>Never changed once a worker can see it: a modified entry gets a new list.</remarks>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal unsafe struct ActionList
{
    public const int Size = 16;

    /// <summary>Actions that follow.</summary>
    public int Count;

    /// <summary>Which of <see cref="ActionListMemory"/>'s sizes the block has.</summary>
    public int SizeClass;

    /// <summary>Position of the last output, which may send the packet itself instead of a copy; -1 if there is none.</summary>
    public int LastOutput;

    public static ReadOnlySpan<FlowAction> ActionsOf(ActionList* list) => new((byte*)list + Size, list->Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FlowAction* First(ActionList* list) => (FlowAction*)((byte*)list + Size);
}
