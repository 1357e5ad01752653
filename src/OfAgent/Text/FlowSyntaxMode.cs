namespace Softswitch.OfAgent.Text;

/// <summary>What a flow's text is for; it decides which words may stand in it (as ovs-ofctl does).</summary>
public enum FlowSyntaxMode
{
    /// <summary>A flow to add: match, priority, timeouts, cookie, flags; actions are required.</summary>
    Add,

    /// <summary>As <see cref="Add"/>, for flows that overlap the match.</summary>
    Modify,

    /// <summary>As <see cref="Modify"/>, for the flow of exactly this match and priority.</summary>
    ModifyStrict,

    /// <summary>Flows to delete: match and out_port.</summary>
    Delete,

    /// <summary>The flow of exactly this match and priority to delete: match, priority and out_port.</summary>
    DeleteStrict,

    /// <summary>Flows to report on: match, out_port and table.</summary>
    Filter,
}
