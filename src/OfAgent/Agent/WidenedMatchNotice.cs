using System.Text;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Text;

namespace Softswitch.OfAgent.Agent;

/// <summary>Says of the first flow entry whose match gives more than the tables compare that it meets more packets than it says.</summary>
/// <remarks>
/// Of the first only: a controller that sends one sends many. Threads: <see cref="Note"/> under the control lock, <see cref="Take"/> any.
/// </remarks>
internal sealed class WidenedMatchNotice
{
    private bool _isNoted;
    private string? _unsaid;

    /// <summary>An entry of this match was added or changed.</summary>
    public void Note(in FlowMatch match)
    {
        if (_isNoted || !MatchNormalizer.IsWidened(match))
        {
            return;
        }
        _isNoted = true;
        StringBuilder text = new("flow entry '");
        MatchText.Append(text, MatchNormalizer.Report(match));
        text.Append("': this switch does not look into IPv6 and RARP, nor at the ports of SCTP; "
            + "the entry meets all packets that its other fields match (said once)");
        Volatile.Write(ref _unsaid, text.ToString());
    }

    /// <summary>The sentence, the first time after there is one; else null.</summary>
    public string? Take() => Volatile.Read(ref _unsaid) is null ? null : Interlocked.Exchange(ref _unsaid, null);
}
