using System.Collections.Concurrent;

namespace Softswitch.Web;

/// <summary>
/// A thread for each command: opening a port or reading the configuration may take long, and belongs into the network namespace of the thread that made this
/// one; the pool's threads are few and may be in another.
/// </summary>
/// <remarks>Threads: any.</remarks>
internal sealed class CommandThreads : IDisposable
{
    private readonly BlockingCollection<Action> _commands = [];

    public CommandThreads() => Start(StartAll, "commands");

    /// <summary>Does it, or fails as it does.</summary>
    public Task<T> Run<T>(Func<T> command)
    {
        TaskCompletionSource<T> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _commands.Add(() =>
        {
            try
            {
                done.SetResult(command());
            }
#pragma warning disable CA1031 // whoever waits for it sees it
            catch (Exception e)
#pragma warning restore CA1031
            {
                done.SetException(e);
            }
        });
        return done.Task;
    }

    /// <summary>No command comes any more; those under way go on.</summary>
    public void Dispose() => _commands.CompleteAdding();

    /// <summary>A thread is in the namespace of the one that starts it.</summary>
    private void StartAll()
    {
        foreach (Action command in _commands.GetConsumingEnumerable())
        {
            Start(command, "command");
        }
        _commands.Dispose();
    }

    private static void Start(Action run, string name) => new Thread(run.Invoke) { Name = name, IsBackground = true }.Start();
}
