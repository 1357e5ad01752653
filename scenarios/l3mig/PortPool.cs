namespace Softswitch.Scenarios.L3Mig;

/// <summary>The TCP ports of a pair of gateways that stand for sessions between their sites: a session has one for as long as it lives.</summary>
/// <remarks>The lowest free one is given out, so that a released port is in use again with the next session. Threads: its owner's lock.</remarks>
/// <param name="first">The lowest.</param>
/// <param name="count">How many there are from there on.</param>
internal sealed class PortPool(ushort first, int count)
{
    private readonly SortedSet<ushort> _free = [.. Enumerable.Range(first, count).Select(port => (ushort)port)];

    public int Free => _free.Count;

    /// <returns>False when all are in use.</returns>
    public bool TryAllocate(out ushort port)
    {
        port = _free.Min;
        return _free.Remove(port);
    }

    /// <exception cref="InvalidOperationException">It is not in use: two sessions would get it.</exception>
    public void Release(ushort port)
    {
        if (port < first || port >= first + count || !_free.Add(port))
        {
            throw new InvalidOperationException($"port {port} is released, but nobody has it");
        }
    }
}
