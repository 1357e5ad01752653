using System.Runtime.CompilerServices;

namespace Softswitch.Datapath.Flows;

/// <summary>What a flow entry does, in one 64-bit word that is replaced in one store.</summary>
/// <remarks>
/// <code>
/// nothing:  0                                            the packet is dropped
/// one port: max_len in bits 32-47, port number in        the commonest list needs no second cache line
///           bits 16-31, bit 0 set
/// a list:   address of an ActionList block, bit 0 clear
/// </code>
/// </remarks>
internal readonly unsafe record struct ActionsReference
{
    private readonly ulong _word;

    private ActionsReference(ulong word) => _word = word;

    public static ActionsReference Drop => default;

    /// <param name="maxLength">Means nothing for a physical port, but is reported as it was sent.</param>
    public static ActionsReference ToPort(ushort port, ushort maxLength) => new(((ulong)maxLength << 32) | ((ulong)port << 16) | 1);

    public static ActionsReference ToList(ActionList* list) => new((ulong)list);

    public bool IsDrop => _word == 0;

    public bool IsPort
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (_word & 1) != 0;
    }

    public ushort Port => (ushort)(_word >> 16);

    public ushort MaxLength => (ushort)(_word >> 32);

    public ActionList* List => (ActionList*)_word;

    // All bits for a port, none for a list.
    private ulong PortMask => 0UL - (_word & 1);

    /// <summary>The list; for a port what is given instead. Without a branch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ActionList* ListOr(ActionList* instead) => (ActionList*)((_word & ~PortMask) | ((ulong)instead & PortMask));

    /// <summary>The port, if this is one, or the one to which its list sends all there is to send; 0 for other lists. Without a branch.</summary>
    /// <param name="list">As <see cref="ListOr"/> gives it: for a port one that names none.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ushort PortOf(ActionList* list) => (ushort)(((_word >> 16) & PortMask) | list->RewritesAndSendsTo);

    /// <summary>Replaces a reference that workers read; <paramref name="location"/> is 8-byte aligned.</summary>
    public static void Publish(ref ActionsReference location, ActionsReference value) =>
        Volatile.Write(ref Unsafe.As<ActionsReference, ulong>(ref location), value._word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ActionsReference Read(ref ActionsReference location) =>
        new(Volatile.Read(ref Unsafe.As<ActionsReference, ulong>(ref location)));
}
