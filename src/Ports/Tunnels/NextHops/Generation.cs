namespace Softswitch.Ports.Tunnels.NextHops;

/// <summary>A number that changes whenever something looked up before may no longer hold: routes, neighbours, path MTUs.</summary>
/// <remarks>Threads: any. Read it before the look-up it is remembered with.</remarks>
internal sealed class Generation
{
    private int _value = 1;

    /// <summary>Never 0.</summary>
    public int Value => Volatile.Read(ref _value);

    public void Advance()
    {
        if (Interlocked.Increment(ref _value) == 0)
        {
            Interlocked.Increment(ref _value);
        }
    }
}
