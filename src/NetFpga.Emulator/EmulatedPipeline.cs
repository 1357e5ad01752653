using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Emulator;

/// <summary>
/// A frame's way through an emulated card: MAC or host queue, look-up in both tables, actions, output queues. Threads: one at a time.
/// </summary>
internal sealed class EmulatedPipeline(EmulatedCardOptions options, EmulatedRegisters registers)
{
    private const int ShortestFrame = 14;
    private const int LengthMask = 0xfff; // the lookup counts bytes with 12 bits

    private readonly EmulatedCardOptions _options = options;
    private readonly EmulatedRegisters _registers = registers;
    private readonly WaitingFrames _waiting = new();
    private readonly Queue<(int Destinations, byte[] Frame)> _leaving = [];

    /// <summary>As <see cref="EmulatedCard.NextLength"/>.</summary>
    public int NextLength => _leaving.TryPeek(out (int Destinations, byte[] Frame) next) ? next.Frame.Length : 0;

    /// <summary>As <see cref="EmulatedCard.RoomFor"/>.</summary>
    public int RoomFor(int frameLength) => Math.Max(frameLength, _waiting.Longest) + EmulatedCard.LongestGrowth;

    /// <summary>As <see cref="EmulatedCard.Process"/>.</summary>
    public int Process(int source, ReadOnlySpan<byte> frame, Span<byte> result, out int length)
    {
        length = 0;
        return IsReceived(source, frame.Length) ? Forward(source, frame, result, out length) : 0;
    }

    /// <summary>As <see cref="EmulatedCard.TakeNext"/>.</summary>
    public int TakeNext(Span<byte> result)
    {
        if (!_leaving.TryDequeue(out (int Destinations, byte[] Frame) next))
        {
            return 0; // a reset came in between
        }
        next.Frame.CopyTo(result);
        return next.Destinations;
    }

    /// <summary>Frames under way are lost.</summary>
    public void Clear()
    {
        _waiting.Clear();
        _leaving.Clear();
    }

    private bool IsReceived(int source, int length)
    {
        if (source % 2 != 0)
        {
            return length is >= ShortestFrame and <= EmulatedCard.LongestTransfer && !_waiting.IsFull;
        }
        MacGroup mac = _registers.Macs[source / 2];
        if (!mac.Receives)
        {
            return false;
        }
        if (length < ShortestFrame)
        {
            mac.CountBad();
            return false;
        }
        if (_waiting.IsFull)
        {
            mac.CountFull();
            return false;
        }
        mac.CountReceived(length);
        return true;
    }

    private int Forward(int source, ReadOnlySpan<byte> frame, Span<byte> result, out int length)
    {
        _registers.ArbiterPackets++;
        Span<byte> memory = stackalloc byte[CardKey.Size];
        CardKey key = CardKey.Parse(_options.Layout, source, frame, memory);
        bool isFinished = key.MissingWords == 0 || !_options.LosesStep;
        if (_waiting.IsEmpty && isFinished)
        {
            return Leave(key, LookUp(key.Bytes, frame.Length), key.Source, frame, result, out length);
        }
        ForwardOutOfStep(key, frame, isFinished);
        length = 0;
        if (!_leaving.TryDequeue(out (int Destinations, byte[] Frame) first))
        {
            return 0;
        }
        length = first.Frame.Length;
        first.Frame.CopyTo(result);
        return first.Destinations;
    }

    private void ForwardOutOfStep(in CardKey key, ReadOnlySpan<byte> frame, bool isFinished)
    {
        _waiting.Add(frame);
        if (_waiting.IsUnfinished)
        {
            bool hasResult = _waiting.Finish(headerWords: key.IsTagged ? 2 : 1);
            LeaveWaiting(_waiting.Key, _waiting.Length);
            if (hasResult)
            {
                LeaveWaiting(CardKey.Headless(_options.Layout, stackalloc byte[CardKey.Size]).Bytes, frame.Length);
            }
        }
        else if (isFinished)
        {
            LeaveWaiting(key.Bytes, frame.Length);
        }
        else
        {
            _waiting.LeaveUnfinished(key, frame.Length);
        }
    }

    /// <summary>The result for a key goes to the frame that has waited longest, whosever the key is.</summary>
    private void LeaveWaiting(ReadOnlySpan<byte> key, int keyLength)
    {
        ActionProcessor action = LookUp(key, keyLength);
        byte[] frame = _waiting.Take();
        byte[] result = new byte[frame.Length + EmulatedCard.LongestGrowth];
        CardKey own = CardKey.Parse(_options.Layout, source: 0, frame, stackalloc byte[CardKey.Size]);
        int destinations = Leave(own, action, CardKey.SourceOf(key), frame, result, out int length);
        if (destinations != 0)
        {
            _leaving.Enqueue((destinations, result[..length]));
        }
    }

    /// <param name="key">The frame's own: it says where its headers are.</param>
    /// <param name="source">Of what was looked up: a frame without destination counts as dropped there.</param>
    private int Leave(in CardKey key, ActionProcessor action, int source, ReadOnlySpan<byte> frame, Span<byte> result, out int length)
    {
        if (action.Destinations == 0)
        {
            _registers.Statistics.CountDrop(source);
            length = 0;
            return 0;
        }
        length = action.Apply(key, frame, result);
        int sent = 0;
        for (int destination = 0; destination < CardPort.NumberCount; destination++)
        {
            if ((action.Destinations >> destination & 1) != 0 && TrySend(destination, length))
            {
                sent |= 1 << destination;
            }
        }
        return sent;
    }

    /// <summary>Searches both tables; an exact hit wins.</summary>
    private ActionProcessor LookUp(ReadOnlySpan<byte> key, int length)
    {
        int slot = _registers.Slots.Find(key);
        int row = _registers.Rows.Find(key);
        _registers.Statistics.Count(slot >= 0, row >= 0);
        if (slot >= 0)
        {
            _registers.Slots.Count(slot, length & LengthMask, _registers.Seconds);
            return new ActionProcessor(_options, _registers.Slots.ActionOf(slot));
        }
        if (row >= 0)
        {
            _registers.Rows.Count(row, length & LengthMask, _registers.Seconds);
            return new ActionProcessor(_options, _registers.Rows.ActionOf(row));
        }
        return new ActionProcessor(_options, [0]);
    }

    private bool TrySend(int destination, int length)
    {
        bool isWire = destination % 2 == 0;
        MacGroup mac = _registers.Macs[destination / 2];
        bool fits = isWire || length <= EmulatedCard.LongestTransfer;
        if (!_registers.Queues.TryPass(destination, length, fits) || (isWire && !mac.Sends))
        {
            return false;
        }
        if (isWire)
        {
            mac.CountSent(length);
        }
        return true;
    }
}
