namespace Softswitch.Web;

/// <summary>Bytes of all replies that are being sent: a client that reads slowly, or not at all, keeps its reply in memory.</summary>
/// <remarks>Threads: any.</remarks>
internal sealed class ReplyMemory
{
    /// <summary>Of all replies together; a single reply may be larger while there is no other.</summary>
    public const int Limit = 8 << 20;

    private readonly Lock _lock = new();
    private long _held;

    /// <returns>Whether there is room; then <see cref="Release"/> ends it.</returns>
    public bool TryHold(int bytes)
    {
        lock (_lock)
        {
            bool isFit = _held == 0 || _held + bytes <= Limit;
            _held += isFit ? bytes : 0;
            return isFit;
        }
    }

    public void Release(int bytes)
    {
        lock (_lock)
        {
            _held -= bytes;
        }
    }
}
