namespace Softswitch.OfAgent.Agent;

/// <summary>How long to wait before the next attempt: half a second after a working connection ended, then 1, 2, 4, 8, 8, ... seconds.</summary>
internal sealed class ReconnectDelay
{
    /// <summary>Below the second within which controllers expect a switch back after a restart.</summary>
    public static readonly TimeSpan AfterClose = TimeSpan.FromMilliseconds(500);

    public static readonly TimeSpan First = TimeSpan.FromSeconds(1);

    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(8);

    private TimeSpan _next = First;

    /// <summary>The wait after an attempt.</summary>
    /// <param name="worked">Whether HELLOs were exchanged. A peer that accepts and closes counts as failure, or we would hammer it.</param>
    public TimeSpan Next(bool worked)
    {
        if (worked)
        {
            _next = First;
            return AfterClose;
        }
        TimeSpan delay = _next;
        _next = delay * 2 < Longest ? delay * 2 : Longest;
        return delay;
    }
}
