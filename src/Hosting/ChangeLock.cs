using Softswitch.Hosting.Configuration;

namespace Softswitch.Hosting;

/// <summary>Keeps reloads, a hand-over and the end of a switch apart. It is taken before all other locks, and by the same thread again.</summary>
/// <remarks>The thread that hands the switch over to another process never leaves.</remarks>
internal sealed class ChangeLock
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private volatile bool _isGiven;

    /// <summary>Whether the switch is another process's now. The control lock of this one is never left then.</summary>
    public bool IsGiven
    {
        get => _isGiven;
        set => _isGiven = value;
    }

    /// <summary>Waits for what is under way, and keeps others from beginning until <see cref="Exit"/>.</summary>
    /// <exception cref="OptionException">The switch is another process's now.</exception>
    public void Enter()
    {
        while (!_lock.TryEnter(LookInterval))
        {
            if (_isGiven)
            {
                throw new OptionException("another process has taken the switch over");
            }
        }
    }

    /// <returns>False if what is under way does not end in that time.</returns>
    public bool TryEnter(TimeSpan patience) => _lock.TryEnter(patience);

    public void Exit() => _lock.Exit();
}
