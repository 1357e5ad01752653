using System.Collections.Concurrent;

namespace Softswitch.Web;

/// <summary>
/// A thread for each command: it may wait for a switch, or for a file that a port is opened from, and belongs into the network namespace of the thread that made
/// this one. The pool's threads are few, others are in need of them, and they may be in another namespace.
/// </summary>
/// <remarks>Threads: any. As many commands at a time as a server has connections.</remarks>
internal sealed class CommandThreads : IDisposable
{
    private readonly BlockingCollection<Action> _commands = [];

    public CommandThreads() => Start(StartAll, "commands");

    /// <summary>Does it, or fails as it does.</summary>
    public Task<T> Run<T>(Func<T> command)
    {
        ObjectDisposedException.ThrowIf(_commands.IsAddingCompleted, this);
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

    /// <summary>No command comes any more: one that does fails as <see cref="ObjectDisposedException"/>. Those under way go on.</summary>
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
