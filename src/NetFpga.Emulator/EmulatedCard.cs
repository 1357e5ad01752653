using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Emulator;

/// <summary>A NetFPGA 1G card under the OpenFlow switch bitfile, as its registers and its frames show it; its defects are kept.</summary>
/// <remarks>
/// <para>
/// It is what the shim is judged by, so it shares none of the shim's encoders: it reads frames, registers and tables by itself, from the
/// description of the hardware in docs/netfpga-hardware.md.
/// </para>
/// <para>
/// Where that is silent: an address without a register reads as <see cref="UnknownRegister"/> and ignores writes; a row number is taken modulo
/// 32; a hit row
/// counts only if no exact entry won; a frame with a bad IPv4 header is dropped under source 0; a flush keeps the counters of the rows; a
/// reset and a flush
/// take no time; rows and slots change at once, but see <see cref="RowVanished"/>; a port switched off by its MAC's control bits loses
/// frames instead of
/// keeping them; a frame that puts the card out of step has ports 0, and one of which the parser missed the words in front is one of port 0
/// with nothing in
/// it; reading the PHY's interrupt status clears it; layout 0.9 treats tags and bad headers as 1.0 does.
/// </para>
/// <para>
/// Threads: any, one at a time inside. A frame meets tables as some single register access left them. Disposing does nothing: it is a card,
/// not a
/// connection to one.
/// </para>
/// </remarks>
internal sealed class EmulatedCard : IRegisterAccess
{
    /// <summary>What an address without a register reads as.</summary>
    public const uint UnknownRegister = 0xdeadbeef;

    /// <summary>Bytes of the longest frame that passes between card and host.</summary>
    public const int LongestTransfer = 2048;

    /// <summary>A rewritten frame may be longer than the frame it was by this.</summary>
    public const int LongestGrowth = 4;

    private readonly Lock _lock = new();
    private readonly EmulatedRegisters _registers;
    private readonly EmulatedPipeline _pipeline;
    private long _accesses;

    /// <param name="time">The card's clock; null for the machine's.</param>
    public EmulatedCard(EmulatedCardOptions? options = null, TimeProvider? time = null)
    {
        options ??= new EmulatedCardOptions();
        Layout = options.Layout;
        _registers = new EmulatedRegisters(options, time ?? TimeProvider.System) { OnReset = () => _pipeline!.Clear() };
        _pipeline = new EmulatedPipeline(options, _registers);
    }

    public string Transport => "emulated card";

    public CardLayout Layout { get; }

    /// <summary>Reads and writes since the card was made, those of tests not counted.</summary>
    public long AccessCount => Volatile.Read(ref _accesses);

    /// <summary>For tests: decides before each access whether it fails.</summary>
    public Func<RegisterAccess, RegisterFault>? Fault { get; set; }

    /// <summary>For tests: called after each write that the card took, outside of its lock.</summary>
    public Action<RegisterAccess>? Written { get; set; }

    /// <summary>
    /// For tests: called in the middle of writing a row, whose number it is given, while that row matches nothing. What the hardware does
    /// during the 16 clocks of
    /// that is not known; unless this is set, a row changes at once.
    /// </summary>
    public Action<int>? RowVanished
    {
        get => _registers.Rows.RowVanished;
        set => _registers.Rows.RowVanished = value;
    }

    public uint Read(uint address)
    {
        CheckAddress(address);
        lock (_lock)
        {
            RegisterFault fault = Begin(address, isWrite: false, 0, out _);
            uint value = fault == RegisterFault.Lost ? 0 : _registers.Read(address);
            return fault == RegisterFault.None ? value : throw new RegisterAccessException($"{Transport}: read of 0x{address:x7}: made to fail");
        }
    }

    public void Write(uint address, uint value)
    {
        CheckAddress(address);
        RegisterAccess access;
        lock (_lock)
        {
            RegisterFault fault = Begin(address, isWrite: true, value, out access);
            if (fault != RegisterFault.Lost)
            {
                _registers.Write(address, value);
            }
            if (fault != RegisterFault.None)
            {
                throw new RegisterAccessException($"{Transport}: write of 0x{address:x7}: made to fail");
            }
        }
        Written?.Invoke(access);
    }

    /// <summary>
    /// Writes a register as another program would: it is not counted, does not fail, and <see cref="Written"/> is not told.
    /// </summary>
    public void Tamper(uint address, uint value)
    {
        CheckAddress(address);
        lock (_lock)
        {
            _registers.ExpireWatchdog();
            _registers.Write(address, value);
        }
    }

    /// <summary>Reads a register without any of the consequences a read has.</summary>
    public uint Peek(uint address)
    {
        CheckAddress(address);
        lock (_lock)
        {
            _registers.ExpireWatchdog();
            return _registers.Read(address, peeks: true);
        }
    }

    /// <summary>What a reset by the CPCI does: tables, counters, scratch words and timer begin anew.</summary>
    public void Reset()
    {
        lock (_lock)
        {
            _registers.Reset();
        }
    }

    /// <summary>What an expired watchdog does: both tables are emptied, the reserved rows with them.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            _registers.Flush();
        }
    }

    /// <summary>Plugs a port's cable in or out.</summary>
    public void SetLink(int port, bool up)
    {
        lock (_lock)
        {
            _registers.SetLink(port, up);
        }
    }

    /// <summary>What becomes of one frame, from its arrival at a wire or from the host to its leaving.</summary>
    /// <remarks>
    /// Out of step (E9) it may stay, and an earlier one leaves in its place, or more than one: then <see cref="TakeNext"/> has the others.
    /// </remarks>
    /// <param name="source">Where it comes from: 0, 2, 4, 6 for the wires, 1, 3, 5, 7 for the host's queues.</param>
    /// <param name="frame">From the Ethernet header to the end of the data, without FCS.</param>
    /// <param name="result">
    /// Takes the frame as it leaves, the same for all destinations; at least as long as <see cref="RoomFor"/> says.
    /// </param>
    /// <param name="length">Bytes of it; 0 if nothing leaves.</param>
    /// <returns>Bit n is set if a copy leaves by number n: a wire if even, to the host by queue n if odd.</returns>
    public int Process(int source, ReadOnlySpan<byte> frame, Span<byte> result, out int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)source, (uint)CardPort.NumberCount, nameof(source));
        lock (_lock)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(result.Length, RoomFor(frame.Length), nameof(result));
            _registers.ExpireWatchdog();
            return _pipeline.Process(source, frame, result, out length);
        }
    }

    /// <summary>Bytes that the result for a frame of this length may need.</summary>
    public int RoomFor(int frameLength) => _pipeline.RoomFor(frameLength);

    /// <summary>Bytes of the next frame that leaves by <see cref="TakeNext"/>; 0 if there is none, as always in step.</summary>
    public int NextLength
    {
        get
        {
            lock (_lock)
            {
                return _pipeline.NextLength;
            }
        }
    }

    /// <summary>A frame that leaves besides the one that <see cref="Process"/> gave.</summary>
    /// <param name="result">At least <see cref="NextLength"/> bytes.</param>
    /// <returns>As of <see cref="Process"/>.</returns>
    public int TakeNext(Span<byte> result)
    {
        lock (_lock)
        {
            return _pipeline.TakeNext(result);
        }
    }

    public void Dispose()
    {
    }

    private RegisterFault Begin(uint address, bool isWrite, uint value, out RegisterAccess access)
    {
        access = new RegisterAccess(++_accesses, isWrite, address, value);
        _registers.ExpireWatchdog();
        return Fault?.Invoke(access) ?? RegisterFault.None;
    }

    private static void CheckAddress(uint address)
    {
        if (address % sizeof(uint) != 0 || address >= CardRegisters.AddressLimit)
        {
            throw new ArgumentOutOfRangeException(nameof(address), $"0x{address:x}", "no address of a register");
        }
    }
}

/// <summary>Which card is emulated, and how where nothing is known of it.</summary>
internal sealed record EmulatedCardOptions
{
    public CardLayout Layout { get; init; } = CardLayout.V10;

    /// <summary>Null: what a card of the layout says.</summary>
    public EmulatedIdentity? Identity { get; init; }

    /// <summary>A UDP checksum that comes out as 0 is sent so, which says that there is none (E10). The card's arithmetic knows no exception for it.</summary>
    public bool UdpChecksumMayBecomeZero { get; init; } = true;

    /// <summary>A frame of TCP, UDP or ICMP whose IPv4 header length points behind its end puts the card out of step (E9). Otherwise its ports are 0.</summary>
    public bool LosesStep { get; init; } = true;
}

/// <summary>One access to a register of the emulated card.</summary>
/// <param name="Number">Accesses are counted from 1.</param>
/// <param name="Value">0 for a read.</param>
internal readonly record struct RegisterAccess(long Number, bool IsWrite, uint Address, uint Value);

/// <summary>How an access ends that a test lets fail.</summary>
internal enum RegisterFault
{
    None,

    /// <summary>It throws, and nothing happened.</summary>
    Lost,

    /// <summary>It throws, but the card has done it: the answer was lost.</summary>
    Unanswered,
}
