namespace Softswitch.OfAgent.Connections;

/// <summary>Starts threads for connections, but never the last one: the runtime needs one to handle a signal, and ends the process if it gets none.</summary>
internal static class ThreadStarter
{
    /// <returns>A background thread; null if the system cannot start it and one more: processes, memory or file descriptors have run out.</returns>
    public static Thread? TryStart(string name, ThreadStart body)
    {
        using ManualResetEventSlim started = new();
        Thread? other = TryStartLast("spare", started.Wait);
        if (other is null)
        {
            return null;
        }
        Thread? thread = TryStartLast(name, body);
        started.Set();
        other.Join();
        return thread;
    }

    private static Thread? TryStartLast(string name, ThreadStart body)
    {
        Thread thread = new(body) { IsBackground = true, Name = name };
        try
        {
            thread.Start();
            return thread;
        }
        catch (Exception exception) when (exception is OutOfMemoryException or ThreadStartException)
        {
            return null;
        }
    }
}
