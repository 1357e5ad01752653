using System.Diagnostics;

namespace Softswitch.Fuzz.Tests;

/// <summary>Gives one target made-up inputs for a time, and makes the first that fails small.</summary>
internal sealed class Fuzzer(IFuzzTarget target, int seed)
{
    // What takes longer hangs.
    private static readonly TimeSpan CaseLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan MinimiseLimit = TimeSpan.FromSeconds(20);

    private readonly Lock _lock = new();
    private byte[]? _current;
    private long _currentSince;

    /// <summary>Inputs tried.</summary>
    public int Cases { get; private set; }

    /// <summary>Called once, on a thread of its own, with an input that hangs.</summary>
    public Action<byte[]>? Hangs { get; set; }

    /// <summary>An input of its own for each number under each seed.</summary>
    public byte[] InputOf(int number) => target.Generate(new Random(HashOf(seed, number)));

    /// <summary>Tries inputs until the time is over or one fails.</summary>
    public (byte[] Input, Exception Failure)? Run(TimeSpan time)
    {
        using Timer watch = new(_ => Watch(), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            byte[] input = InputOf(Cases++);
            if (FailureOf(input) is { } failure)
            {
                return (Minimise(input, failure), failure);
            }
        }
        return null;
    }

    public Exception? FailureOf(byte[] input)
    {
        lock (_lock)
        {
            (_current, _currentSince) = (input, Stopwatch.GetTimestamp());
        }
        try
        {
            target.Check(input);
            return null;
        }
#pragma warning disable CA1031 // whatever it is, it is what we look for
        catch (Exception e)
#pragma warning restore CA1031
        {
            return e;
        }
        finally
        {
            lock (_lock)
            {
                _current = null;
            }
        }
    }

    /// <summary>Leaves out pieces, larger ones first, then makes bytes 0, as long as it still fails in the same way.</summary>
    public byte[] Minimise(byte[] input, Exception failure)
    {
        long start = Stopwatch.GetTimestamp();
        bool StillFails(byte[] shorter) => Stopwatch.GetElapsedTime(start) < MinimiseLimit && FailureOf(shorter)?.GetType() == failure.GetType();
        List<byte[]> pieces = [.. target.Split(input)];
        if (!StillFails(Join(pieces)))
        {
            return input;
        }
        for (int count = Math.Max(1, pieces.Count / 2); ; count /= 2)
        {
            for (int at = 0; at + count <= pieces.Count;)
            {
                List<byte[]> fewer = [.. pieces[..at], .. pieces[(at + count)..]];
                if (StillFails(Join(fewer)))
                {
                    pieces = fewer;
                }
                else
                {
                    at += count;
                }
            }
            if (count == 1)
            {
                break;
            }
        }
        byte[] smallest = Join(pieces);
        for (int i = 0; i < smallest.Length && !target.IsText; i++)
        {
            byte was = smallest[i];
            smallest[i] = 0;
            if (was != 0 && !StillFails(smallest))
            {
                smallest[i] = was;
            }
        }
        return smallest;
    }

    private static byte[] Join(IEnumerable<byte[]> pieces) => [.. pieces.SelectMany(piece => piece)];

    // Not HashCode, which has another secret in each run.
    private static int HashOf(int seed, int number) => unchecked((int)(((((uint)seed * 0x9e37_79b9) ^ (uint)number) * 0x85eb_ca6b) ^ (uint)seed));

    private void Watch()
    {
        byte[]? hanging;
        lock (_lock)
        {
            hanging = _current != null && Stopwatch.GetElapsedTime(_currentSince) > CaseLimit ? _current : null;
        }
        if (hanging != null)
        {
            Hangs?.Invoke(hanging);
        }
    }
}
