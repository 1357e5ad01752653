namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>When to try again what failed: after one second, then two, four, up to 64.</summary>
internal sealed class Backoff
{
    private const int First = 1000;
    private const int Longest = 64_000;

    private int _wait;
    private long _until;

    /// <param name="now">Control clock in milliseconds.</param>
    public void Fail(long now)
    {
        _wait = _wait == 0 ? First : Math.Min(2 * _wait, Longest);
        _until = now + _wait;
    }

    public void Reset() => _wait = 0;

    /// <summary>Milliseconds from now on; 0 when it is time.</summary>
    public int Remaining(long now) => (int)Math.Clamp(_until - now, 0, Longest);
}
