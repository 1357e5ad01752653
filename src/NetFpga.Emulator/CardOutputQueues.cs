using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Emulator;

/// <summary>The eight queues in front of wires and host: which are disabled, and what passed. Nothing waits in them.</summary>
internal sealed class CardOutputQueues
{
    private const uint FirstQueue = 0x80;
    private const uint QueueStride = 0x10;
    private const uint End = FirstQueue + (CardPort.NumberCount * QueueStride);
    private const int Bytes = 0;
    private const int Packets = 1;
    private const int Dropped = 2;
    private const int RegistersOfQueue = 4;

    private readonly uint[] _registers = new uint[CardPort.NumberCount * RegistersOfQueue];
    private uint _disabled;

    public void Clear()
    {
        Array.Clear(_registers);
        _disabled = 0;
    }

    /// <param name="offset">Bytes from the start of the block.</param>
    public bool TryRead(uint offset, out uint value)
    {
        value = offset switch
        {
            0 => _disabled,
            >= FirstQueue and < End => _registers[(offset - FirstQueue) / sizeof(uint)],
            _ => 0,
        };
        return offset is 0 or (>= FirstQueue and < End);
    }

    public void Write(uint offset, uint value)
    {
        if (offset == 0)
        {
            _disabled = value;
        }
    }

    /// <returns>False if the queue drops the frame.</returns>
    public bool TryPass(int queue, int bytes, bool fits)
    {
        Span<uint> own = _registers.AsSpan(queue * RegistersOfQueue, RegistersOfQueue);
        if (!fits || (_disabled >> queue & 1) != 0)
        {
            own[Dropped]++;
            return false;
        }
        own[Bytes] += (uint)bytes;
        own[Packets]++;
        return true;
    }
}
