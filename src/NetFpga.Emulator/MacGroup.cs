namespace Softswitch.NetFpga.Emulator;

/// <summary>One port's MAC: control bits and 32-bit counters.</summary>
/// <remarks>A queue or direction that is switched off neither takes frames nor counts them. Nothing waits: the registers that tell how much does are 0.</remarks>
internal sealed class MacGroup
{
    private const int Registers = 13;
    private const int Control = 0;
    private const int RxStored = 2;
    private const int RxFull = 3;
    private const int RxBad = 4;
    private const int RxDequeued = 5;
    private const int RxWords = 6;
    private const int RxBytes = 7;
    private const int TxEnqueued = 9;
    private const int TxSent = 10;
    private const int TxWords = 11;
    private const int TxBytes = 12;
    private const int BytesOfWord = 8;

    private const uint TransmitOff = 0x01 | 0x08; // queue, MAC
    private const uint ReceiveOff = 0x02 | 0x10;

    private readonly uint[] _registers = new uint[Registers];

    public bool Receives => (_registers[Control] & ReceiveOff) == 0;

    public bool Sends => (_registers[Control] & TransmitOff) == 0;

    public void Clear() => Array.Clear(_registers);

    public bool TryRead(uint offset, out uint value)
    {
        uint index = offset / sizeof(uint);
        value = index < Registers ? _registers[index] : 0;
        return index < Registers;
    }

    /// <summary>Writes the control register; the counters cannot be written.</summary>
    public void Write(uint offset, uint value)
    {
        if (offset == Control)
        {
            _registers[Control] = value;
        }
    }

    public void CountFull() => _registers[RxFull]++;

    public void CountBad() => _registers[RxBad]++;

    public void CountReceived(int bytes)
    {
        _registers[RxStored]++;
        _registers[RxDequeued]++;
        _registers[RxWords] += WordsOf(bytes);
        _registers[RxBytes] += (uint)bytes;
    }

    public void CountSent(int bytes)
    {
        _registers[TxEnqueued]++;
        _registers[TxSent]++;
        _registers[TxWords] += WordsOf(bytes);
        _registers[TxBytes] += (uint)bytes;
    }

    private static uint WordsOf(int bytes) => (uint)(bytes + BytesOfWord - 1) / BytesOfWord;
}
