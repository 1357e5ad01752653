using Softswitch.Datapath.Ports;

namespace Softswitch.NetFpga.Registers;

/// <summary>The MAC's counts since the port was opened. Its 32-bit registers, the fastest of which wraps in 34 seconds, are added up to 64 bits.</summary>
/// <remarks>Threads: any, under a lock of its own.</remarks>
internal sealed class MacCounters
{
    private const uint ReceivedPackets = 0x08;
    private const uint DroppedFull = 0x0c;
    private const uint DroppedBad = 0x10;
    private const uint ReceivedBytes = 0x1c;
    private const uint SentPackets = 0x28;
    private const uint SentBytes = 0x30;
    private static readonly uint[] Offsets = [ReceivedPackets, ReceivedBytes, SentPackets, SentBytes, DroppedFull, DroppedBad];

    private readonly Lock _lock = new();
    private readonly IRegisterAccess _registers;
    private readonly uint _base;
    private readonly uint[] _last = new uint[Offsets.Length];
    private readonly long[] _totals = new long[Offsets.Length];
    private uint _seconds;

    /// <exception cref="RegisterAccessException">The card does not answer.</exception>
    public MacCounters(IRegisterAccess registers, int port)
    {
        _registers = registers;
        _base = CardRegisters.Mac + ((uint)port * CardRegisters.MacStride);
        _seconds = registers.Read(CardRegisters.Timer);
        for (int i = 0; i < Offsets.Length; i++)
        {
            _last[i] = registers.Read(_base + Offsets[i]);
        }
    }

    /// <summary>Reads the registers; a card that does not answer leaves things as they were.</summary>
    public void Poll()
    {
        lock (_lock)
        {
            TryRead();
        }
    }

    /// <summary>Runs an action that sets the registers to 0. No other thread reads them meanwhile.</summary>
    public void CountThrough(Action reset)
    {
        lock (_lock)
        {
            TryRead();
            reset();
            Array.Clear(_last);
            _seconds = 0;
        }
    }

    private void TryRead()
    {
        try
        {
            uint seconds = _registers.Read(CardRegisters.Timer);
            if (seconds < _seconds) // the card was reset: its counters began at 0 again
            {
                Array.Clear(_last);
            }
            _seconds = seconds;
            for (int i = 0; i < Offsets.Length; i++)
            {
                uint value = _registers.Read(_base + Offsets[i]);
                _totals[i] += value - _last[i]; // modulo 2^32
                _last[i] = value;
            }
        }
        catch (RegisterAccessException)
        {
        }
    }

    /// <summary>As of the last <see cref="Poll"/>.</summary>
    public PortTraffic Traffic
    {
        get
        {
            lock (_lock)
            {
                return new PortTraffic
                {
                    ReceivedPackets = _totals[0],
                    ReceivedBytes = _totals[1],
                    TransmittedPackets = _totals[2],
                    TransmittedBytes = _totals[3],
                };
            }
        }
    }

    /// <summary>Frames the MAC lost or refused, as of the last <see cref="Poll"/>.</summary>
    public (long Full, long Bad) Dropped
    {
        get
        {
            lock (_lock)
            {
                return (_totals[4], _totals[5]);
            }
        }
    }
}
