using Softswitch.Datapath.Flows;

namespace Softswitch.Datapath.Offload;

/// <summary>A flow entry as the table holds it. The span is valid during the call.</summary>
internal readonly ref struct OffloadEntry
{
    /// <summary>Names the entry from <see cref="IFlowOffload.Add"/> until <see cref="IFlowOffload.Forget"/>; then it may name another. Never 0.</summary>
    public required uint Id { get; init; }

    /// <summary>Without wildcards: ranks above every entry with some, whatever its priority.</summary>
    public required bool IsExact { get; init; }

    /// <summary>Normalised: 0 wherever <see cref="Mask"/> is.</summary>
    public required FlowKey Key { get; init; }

    /// <summary>1 bits are compared.</summary>
    public required FlowKey Mask { get; init; }

    public required ushort Priority { get; init; }

    /// <summary>Of two entries of equal priority that both match, the lower wins.</summary>
    public required ulong Sequence { get; init; }

    public required ReadOnlySpan<FlowAction> Actions { get; init; }
}
