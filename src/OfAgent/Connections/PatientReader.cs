using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Connections;

/// <summary>Reads from a stream with a bound on the wait and without giving the read up: the next call waits for the same bytes.</summary>
/// <remarks>
/// A stream's own read timeout will not do: under TLS a read that timed out may have taken part of a record. Threads: one at a time; a
/// write may be under way meanwhile. While a read is pending the framer's messages stay valid, but nobody else may call its Free.
/// </remarks>
internal sealed class PatientReader
{
    private Task<int>? _pending;

    /// <summary>The read that is under way, to be waited for beside others; starts one if there is none.</summary>
    public Task<int> Begin(Stream stream, OfFramer framer) => _pending ??= stream.ReadAsync(framer.Free()).AsTask();

    /// <summary>Takes what the read brought, if it is finished.</summary>
    /// <param name="count">Bytes the framer got; 0 when the peer has closed.</param>
    /// <returns>False while the read goes on, or if none was begun.</returns>
    /// <exception cref="IOException">The connection is gone.</exception>
    public bool TryEnd(OfFramer framer, out int count)
    {
        count = 0;
        if (_pending is not { IsCompleted: true } finished)
        {
            return false;
        }
        _pending = null;
        count = finished.GetAwaiter().GetResult();
        framer.Advance(count);
        return true;
    }

    /// <summary>Reads, waiting no longer than this.</summary>
    /// <returns>False if nothing came.</returns>
    /// <exception cref="IOException">The connection is gone.</exception>
    public bool TryRead(Stream stream, OfFramer framer, TimeSpan patience, out int count)
    {
        Task.WaitAny([Begin(stream, framer)], patience);
        return TryEnd(framer, out count);
    }
}
