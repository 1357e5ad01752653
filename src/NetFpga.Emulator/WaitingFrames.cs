namespace Softswitch.NetFpga.Emulator;

/// <summary>Frames that came and have no lookup result yet. In step there are none: the parser is done with a frame before the next one comes.</summary>
/// <remarks>
/// Results go to frames in their order, whosever they are. A frame whose header length points behind its end leaves the parser waiting for
/// ports (E9): it takes the words that follow, first those that the card puts in front of the next frame, then that frame's own. If it got so far, that frame has no
/// result of its own, and each frame from then on gets the result of the next.
/// </remarks>
internal sealed class WaitingFrames
{
    /// <summary>With so many the card takes no further one. (How many fit into its first-in, first-out memory depends on their lengths.)</summary>
    private const int Most = 16;

    private readonly Queue<byte[]> _frames = [];
    private readonly byte[] _key = new byte[CardKey.Size];
    private int _length;
    private int _missing;
    private volatile int _longest;

    public bool IsEmpty => _frames.Count == 0;

    public bool IsFull => _frames.Count == Most;

    /// <summary>Bytes of the longest that waits; 0 for none.</summary>
    public int Longest => _longest;

    /// <summary>Whether the parser is still waiting for ports of an earlier frame.</summary>
    public bool IsUnfinished => _missing > 0;

    /// <summary>What was parsed of that frame: its ports are 0.</summary>
    public ReadOnlySpan<byte> Key => _key;

    /// <summary>That frame's length.</summary>
    public int Length => _length;

    public void Clear()
    {
        _frames.Clear();
        _missing = 0;
        _longest = 0;
    }

    public void Add(ReadOnlySpan<byte> frame)
    {
        _frames.Enqueue(frame.ToArray());
        _longest = Math.Max(_longest, frame.Length);
    }

    /// <summary>The frame that has waited longest: the next result is for it.</summary>
    public byte[] Take()
    {
        byte[] frame = _frames.Dequeue();
        _longest = _frames.Count == 0 ? 0 : _frames.Max(waiting => waiting.Length);
        return frame;
    }

    /// <summary>The parser goes on to the next frame for the ports of this one.</summary>
    public void LeaveUnfinished(in CardKey key, int length)
    {
        key.Bytes.CopyTo(_key);
        _length = length;
        _missing = key.MissingWords;
    }

    /// <summary>Takes the ports of the unfinished frame from the words of the next one.</summary>
    /// <param name="headerWords">The words in front of that frame.</param>
    /// <returns>Whether these were enough: then it has a result of its own.</returns>
    public bool Finish(int headerWords)
    {
        bool isEnough = _missing <= headerWords;
        _missing = 0;
        return isEnough;
    }
}
