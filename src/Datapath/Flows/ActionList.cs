using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Flows;

/// <summary>Header of a block of native memory that holds a checked action list, its actions right behind.</summary>
/// <remarks>Never changed once a worker can see it: a modified entry gets another list.</remarks>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal unsafe struct ActionList
{
    public const int Size = 48;

    /// <summary>So many actions that are no outputs weigh as much as an output.</summary>
    public const int RewritesPerUnit = 8;

    /// <summary>A list of more weight, or with two floods, is long.</summary>
    public const int MostShortWeight = 16;

    /// <summary>Of an entry whose packets are executed with their batch, at the most.</summary>
    public const int MostPlainWeight = 96;

    /// <summary>Actions that follow.</summary>
    public ushort Count;

    /// <summary>Position of the last output, which may send the packet itself instead of a copy; -1 if there is none.</summary>
    public short LastOutput;

    /// <summary>The port, if the list does nothing but set Ethernet addresses and then send to one physical port; otherwise 0.</summary>
    public ushort RewritesAndSendsTo;

    /// <summary>How much work it is: outputs, but for floods, and each <see cref="RewritesPerUnit"/> other actions.</summary>
    public ushort Weight;

    /// <summary>Of the actions.</summary>
    public int Hash;

    /// <summary>Outputs to FLOOD and ALL: each goes to all ports.</summary>
    public ushort Floods;

    /// <summary>Outputs to NORMAL: each may go to all ports.</summary>
    public ushort Normals;

    private Vector128<byte> _written; // all bits of the bytes that are set
    private Vector128<byte> _set;

    public readonly bool IsLong => Weight > MostShortWeight || Floods + Normals > 1;

    /// <summary>A list that rewrites nothing and names no port.</summary>
    public static void MakePassThrough(ActionList* list) => *list = new ActionList { LastOutput = -1 };

    /// <summary>Finds out how much work the list is.</summary>
    /// <param name="actions">Up to the last output: what follows it is never done.</param>
    public void Weigh(ReadOnlySpan<FlowAction> actions)
    {
        int outputs = 0;
        int weight = 0;
        (Floods, Normals) = (0, 0);
        foreach (ref readonly FlowAction action in actions)
        {
            outputs += action.IsOutput ? 1 : 0;
            bool isNormal = action.IsFlood && action.Port == Ports.PortNumber.Normal;
            Normals += (ushort)(isNormal ? 1 : 0);
            Floods += (ushort)(action.IsFlood && !isNormal ? 1 : 0);
            weight += action.IsOutput && !action.IsFlood ? action.Weight : 0;
        }
        Weight = (ushort)Math.Min(weight + ((actions.Length - outputs) / RewritesPerUnit), ushort.MaxValue);
    }

    /// <summary>Finds out whether the list is of the kind that <see cref="RewritesAndSendsTo"/> stands for: what a router does to most packets.</summary>
    public void FindShortcut(ReadOnlySpan<FlowAction> actions)
    {
        _written = default;
        _set = default;
        RewritesAndSendsTo = 0;
        foreach (ref readonly FlowAction action in actions[..^1])
        {
            if (action.Kind is not (ActionKind.SetDlSrc or ActionKind.SetDlDst))
            {
                return;
            }
            int offset = action.Kind == ActionKind.SetDlSrc ? MacAddress.Size : 0;
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref Unsafe.As<Vector128<byte>, byte>(ref _written), offset), MacAddress.Broadcast);
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref Unsafe.As<Vector128<byte>, byte>(ref _set), offset), action.Mac);
        }
        FlowAction last = actions[^1];
        RewritesAndSendsTo = last.Kind == ActionKind.Output && Ports.PortNumber.IsPhysical(last.Port) ? last.Port : (ushort)0;
    }

    /// <summary>Sets the addresses in one go. What follows them in the frame, up to 16 bytes, stays as it is.</summary>
    /// <remarks>
    /// Where the processor can, by a store that leaves bytes out: to read the frame first would take a line that may have left the nearest
    /// cache, and would wait for stores to frames whose address in a page is the same.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Rewrite(ActionList* list, byte* packet)
    {
        if (Avx512BW.VL.IsSupported)
        {
            Avx512BW.VL.MaskStore(packet, list->_written, list->_set);
            return;
        }
        ((Vector128.Load(packet) & ~list->_written) | list->_set).Store(packet);
    }

    public static ReadOnlySpan<FlowAction> ActionsOf(ActionList* list) => new((byte*)list + Size, list->Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FlowAction* First(ActionList* list) => (FlowAction*)((byte*)list + Size);
}
