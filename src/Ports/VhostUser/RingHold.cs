using System.Runtime.CompilerServices;

namespace Softswitch.Ports.VhostUser;

/// <summary>The hold on a ring: free, held by a worker for a burst, or held by the session while it changes the ring.</summary>
internal struct RingHold
{
    // The session may ask for the ring while a worker holds it: then no other worker gets it.
    private const int Working = 1;
    private const int Changing = 2;

    // Workers that share a ring wait for each other's burst, no longer.
    private const int Patience = 2000;

    private int _holder;

    /// <summary>The session takes the ring. Waits for a burst at the most.</summary>
    public void Take()
    {
        SpinWait spin = default;
        while ((Interlocked.Or(ref _holder, Changing) & Working) != 0)
        {
            spin.SpinOnce();
        }
    }

    /// <summary>A worker takes the ring for a burst.</summary>
    /// <returns>False while the session changes it.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake() => Interlocked.CompareExchange(ref _holder, Working, 0) == 0 || TryTakeShared();

    public void LetGo() => Volatile.Write(ref _holder, 0);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryTakeShared()
    {
        for (int i = 0; i < Patience; i++)
        {
            int holder = Interlocked.CompareExchange(ref _holder, Working, 0);
            if (holder == 0)
            {
                return true;
            }
            if ((holder & Changing) != 0)
            {
                return false;
            }
            Thread.SpinWait(1);
        }
        return false;
    }
}
