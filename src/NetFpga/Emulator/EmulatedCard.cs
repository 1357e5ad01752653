namespace Softswitch.NetFpga.Emulator;

/// <summary>A NetFPGA 1G card under the OpenFlow switch bitfile, as its registers and its frames show it; its defects are kept.</summary>
/// <remarks>
/// <para>
/// It is what the shim is judged by, so it shares none of the shim's encoders: it reads frames, registers and tables by itself, from the
/// description of the hardware in docs/netfpga-hardware.md.
/// </para>
/// <para>
/// Where that is silent: a register nobody knows reads as <see cref="UnknownRegister"/> and ignores writes; a row number is taken modulo 32; a hit row
/// counts only if no exact entry won; a frame with a bad IPv4 header is dropped under source 0; a flush keeps the counters of the rows; a reset and a flush
/// take no time; rows and slots change at once, but see <see cref="RowVanished"/>; a port switched off by its MAC's control bits loses frames instead of
/// keeping them; a frame that puts the card out of step has ports 0, and one of which the parser missed the words in front is one of port 0 with nothing in
/// it; reading the PHY's interrupt status clears it; layout 0.9 treats tags and bad headers as 1.0 does.
/// </para>
/// <para>
/// Threads: any, one at a time inside. A frame meets tables as some single register access left them. Disposing does nothing: it is a card, not a
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

    private const int ShortestFrame = 14;
    private const int LengthMask = 0xfff; // the lookup counts bytes with 12 bits
    private const uint CpciId = 0x0000000;
    private const uint CpciStatus = 0x0000104;
    private const uint CpciProgrammed = 0x100;
    private const uint PhyInterruptStatus = 0x68;
    private const uint PhyInterruptMask = 0x6c;
    private const uint PhyLinkChanged = 0x2;
    private const uint OutputQueuesEnd = CardRegisters.OutputQueues + 0x100;
    private const uint InputArbiterEnd = CardRegisters.InputArbiter + 0x20;
    private const uint WatchdogEnd = CardRegisters.Watchdog + 0x8;

    private readonly Lock _gate = new();
    private readonly EmulatedCardOptions _options;
    private readonly EmulatedIdentity _identity;
    private readonly uint[] _identification;
    private readonly CardTimer _timer;
    private readonly Watchdog _watchdog;
    private readonly LookupStatistics _statistics;
    private readonly CardWildcardTable _rows;
    private readonly CardExactTable _slots = new();
    private readonly WaitingFrames _waiting = new();
    private readonly Queue<(int Destinations, byte[] Frame)> _leaving = [];
    private readonly CardOutputQueues _queues = new();
    private readonly MacGroup[] _macs = [new(), new(), new(), new()];
    private readonly bool[] _linkUp = new bool[CardPort.Count];
    private readonly bool[] _linkChanged = new bool[CardPort.Count];
    private readonly uint[] _interruptMasks = new uint[CardPort.Count];
    private uint _arbiterPackets;
    private long _accesses;

    /// <param name="time">The card's clock; null for the machine's.</param>
    public EmulatedCard(EmulatedCardOptions? options = null, TimeProvider? time = null)
    {
        _options = options ?? new EmulatedCardOptions();
        _identity = _options.Identity ?? EmulatedIdentity.Of(_options.Layout);
        _identification = _identity.ToWords(UnknownRegister);
        _timer = new CardTimer(time ?? TimeProvider.System);
        _watchdog = new Watchdog(_timer);
        _statistics = new LookupStatistics(_timer);
        _rows = new CardWildcardTable(_options.Layout);
    }

    public string Transport => "emulated card";

    public CardLayout Layout => _options.Layout;

    /// <summary>Reads and writes since the card was made, those of tests not counted.</summary>
    public long AccessCount => Volatile.Read(ref _accesses);

    /// <summary>For tests: decides before each access whether it fails.</summary>
    public Func<RegisterAccess, RegisterFault>? Fault { get; set; }

    /// <summary>For tests: called after each write that the card took, outside of its lock.</summary>
    public Action<RegisterAccess>? Written { get; set; }

    /// <summary>
    /// For tests: called in the middle of writing a row, whose number it is given, while that row matches nothing. What the hardware does during the 16 clocks of
    /// that is not known; unless this is set, a row changes at once.
    /// </summary>
    public Action<int>? RowVanished
    {
        get => _rows.RowVanished;
        set => _rows.RowVanished = value;
    }

    public uint Read(uint address)
    {
        CheckAddress(address);
        lock (_gate)
        {
            RegisterFault fault = Begin(address, isWrite: false, 0, out _);
            uint value = fault == RegisterFault.Lost ? 0 : ReadRegister(address);
            return fault == RegisterFault.None ? value : throw new RegisterAccessException($"{Transport}: read of 0x{address:x7}: made to fail");
        }
    }

    public void Write(uint address, uint value)
    {
        CheckAddress(address);
        RegisterAccess access;
        lock (_gate)
        {
            RegisterFault fault = Begin(address, isWrite: true, value, out access);
            if (fault != RegisterFault.Lost)
            {
                WriteRegister(address, value);
            }
            if (fault != RegisterFault.None)
            {
                throw new RegisterAccessException($"{Transport}: write of 0x{address:x7}: made to fail");
            }
        }
        Written?.Invoke(access);
    }

    /// <summary>Writes a register as another program would: it is not counted, does not fail, and <see cref="Written"/> is not told.</summary>
    public void Tamper(uint address, uint value)
    {
        CheckAddress(address);
        lock (_gate)
        {
            ExpireWatchdog();
            WriteRegister(address, value);
        }
    }

    /// <summary>Reads a register without any of the consequences a read has.</summary>
    public uint Peek(uint address)
    {
        CheckAddress(address);
        lock (_gate)
        {
            ExpireWatchdog();
            if (address is >= CardRegisters.Exact and < CardRegisters.Exact + (CardRegisters.SlotCount * CardRegisters.SlotStride))
            {
                return _slots.Peek(address - CardRegisters.Exact);
            }
            (uint Port, uint Register) phy = ((address - CardRegisters.Phy) / CardRegisters.PhyStride, (address - CardRegisters.Phy) % CardRegisters.PhyStride);
            return address >= CardRegisters.Phy && phy.Port < CardPort.Count && phy.Register == PhyInterruptStatus
                ? _linkChanged[phy.Port] ? PhyLinkChanged : 0
                : ReadRegister(address, feeds: false);
        }
    }

    /// <summary>What a reset by the CPCI does: tables, counters, scratch words and timer begin anew.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            ResetAll();
        }
    }

    /// <summary>What an expired watchdog does: both tables are emptied, the reserved rows with them.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            FlushTables();
        }
    }

    /// <summary>Plugs a port's cable in or out.</summary>
    public void SetLink(int port, bool up)
    {
        lock (_gate)
        {
            _linkChanged[port] |= _linkUp[port] != up;
            _linkUp[port] = up;
        }
    }

    /// <summary>What becomes of one frame, from its arrival at a wire or from the host to its leaving.</summary>
    /// <remarks>Out of step (E9) it may stay, and an earlier one leaves in its place, or more than one: then <see cref="TakeNext"/> has the others.</remarks>
    /// <param name="source">Where it comes from: 0, 2, 4, 6 for the wires, 1, 3, 5, 7 for the host's queues.</param>
    /// <param name="frame">From the Ethernet header to the end of the data, without FCS.</param>
    /// <param name="result">Takes the frame as it leaves, the same for all destinations; at least as long as <see cref="RoomFor"/> says.</param>
    /// <param name="length">Bytes of it; 0 if nothing leaves.</param>
    /// <returns>Bit n is set if a copy leaves by number n: a wire if even, to the host by queue n if odd.</returns>
    public int Process(int source, ReadOnlySpan<byte> frame, Span<byte> result, out int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)source, (uint)CardPort.NumberCount, nameof(source));
        lock (_gate)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(result.Length, RoomFor(frame.Length), nameof(result));
            ExpireWatchdog();
            length = 0;
            return IsReceived(source, frame.Length) ? Forward(source, frame, result, out length) : 0;
        }
    }

    /// <summary>Bytes that the result for a frame of this length may need.</summary>
    public int RoomFor(int frameLength) => Math.Max(frameLength, _waiting.Longest) + LongestGrowth;

    /// <summary>Bytes of the next frame that leaves by <see cref="TakeNext"/>; 0 if there is none, as always in step.</summary>
    public int NextLength
    {
        get
        {
            lock (_gate)
            {
                return _leaving.TryPeek(out (int Destinations, byte[] Frame) next) ? next.Frame.Length : 0;
            }
        }
    }

    /// <summary>A frame that leaves besides the one that <see cref="Process"/> gave.</summary>
    /// <param name="result">At least <see cref="NextLength"/> bytes.</param>
    /// <returns>As of <see cref="Process"/>.</returns>
    public int TakeNext(Span<byte> result)
    {
        lock (_gate)
        {
            if (!_leaving.TryDequeue(out (int Destinations, byte[] Frame) next))
            {
                return 0; // a reset came in between
            }
            next.Frame.CopyTo(result);
            return next.Destinations;
        }
    }

    public void Dispose()
    {
    }

    private bool IsReceived(int source, int length)
    {
        if (source % 2 != 0)
        {
            return length is >= ShortestFrame and <= LongestTransfer && !_waiting.IsFull;
        }
        MacGroup mac = _macs[source / 2];
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
        _arbiterPackets++;
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
        byte[] result = new byte[frame.Length + LongestGrowth];
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
            _statistics.CountDrop(source);
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
        int slot = _slots.Find(key);
        int row = _rows.Find(key);
        _statistics.Count(slot >= 0, row >= 0);
        if (slot >= 0)
        {
            _slots.Count(slot, length & LengthMask, _timer.Seconds);
            return new ActionProcessor(_options, _slots.ActionOf(slot));
        }
        if (row >= 0)
        {
            _rows.Count(row, length & LengthMask, _timer.Seconds);
            return new ActionProcessor(_options, _rows.ActionOf(row));
        }
        return new ActionProcessor(_options, [0]);
    }

    private bool TrySend(int destination, int length)
    {
        bool isWire = destination % 2 == 0;
        MacGroup mac = _macs[destination / 2];
        bool fits = isWire || length <= LongestTransfer;
        if (!_queues.TryPass(destination, length, fits) || (isWire && !mac.Sends))
        {
            return false;
        }
        if (isWire)
        {
            mac.CountSent(length);
        }
        return true;
    }

    private RegisterFault Begin(uint address, bool isWrite, uint value, out RegisterAccess access)
    {
        access = new RegisterAccess(++_accesses, isWrite, address, value);
        ExpireWatchdog();
        return Fault?.Invoke(access) ?? RegisterFault.None;
    }

    private uint ReadRegister(uint address, bool feeds = true)
    {
        uint value;
        switch (address)
        {
            case >= CardRegisters.RowAction and < CardRegisters.RowAction + 0x200 when _rows.TryRead(address, out value):
            case >= CardRegisters.OutputQueues and < OutputQueuesEnd when _queues.TryRead(address - CardRegisters.OutputQueues, out value):
            case >= CardRegisters.Mac and < CardRegisters.Mac + (CardPort.Count * CardRegisters.MacStride)
                when _macs[(address - CardRegisters.Mac) / CardRegisters.MacStride].TryRead((address - CardRegisters.Mac) % CardRegisters.MacStride, out value):
                return value;
            case >= CardRegisters.WildcardMisses and < LookupStatistics.End:
                return _statistics.Read(address);
            case >= CardRegisters.Exact and < CardRegisters.Exact + (CardRegisters.SlotCount * CardRegisters.SlotStride):
                return _slots.Read(address - CardRegisters.Exact);
            case >= CardRegisters.Identification and < CardRegisters.Identification + 0x100:
                return _identification[(address - CardRegisters.Identification) / sizeof(uint)];
            case >= CardRegisters.Phy and < CardRegisters.Phy + (CardPort.Count * CardRegisters.PhyStride):
                return ReadPhy((int)((address - CardRegisters.Phy) / CardRegisters.PhyStride), (address - CardRegisters.Phy) % CardRegisters.PhyStride);
            case >= CardRegisters.InputArbiter and < InputArbiterEnd or >= CardRegisters.Watchdog and < WatchdogEnd:
                return ReadFeeding(address, feeds);
            case CpciId:
                return _identity.CpciVersion;
            case CardRegisters.CpciControl:
                return 0;
            case CpciStatus:
                return CpciProgrammed;
            default:
                return UnknownRegister;
        }
    }

    /// <summary>The two blocks an access to which the watchdog notices.</summary>
    private uint ReadFeeding(uint address, bool feeds)
    {
        uint value = address switch
        {
            CardRegisters.InputArbiter => _arbiterPackets,
            CardRegisters.Watchdog => _watchdog.IsEnabled ? 1u : 0,
            CardRegisters.Watchdog + sizeof(uint) => _watchdog.Counter,
            _ => 0, // the last words of a frame, the arbiter's state
        };
        if (feeds)
        {
            _watchdog.Feed();
        }
        return value;
    }

    private uint ReadPhy(int port, uint register)
    {
        switch (register)
        {
            case CardRegisters.PhyAuxiliaryStatus:
                return _linkUp[port] ? CardRegisters.PhyLinkUp : 0;
            case PhyInterruptStatus:
                bool changed = _linkChanged[port];
                _linkChanged[port] = false;
                return changed ? PhyLinkChanged : 0;
            case PhyInterruptMask:
                return _interruptMasks[port];
            default:
                return UnknownRegister;
        }
    }

    private void WriteRegister(uint address, uint value)
    {
        switch (address)
        {
            case >= CardRegisters.RowAction and < CardRegisters.RowAction + 0x200 when _rows.TryWrite(address, value):
                break;
            case >= CardRegisters.Exact and < CardRegisters.Exact + (CardRegisters.SlotCount * CardRegisters.SlotStride):
                _slots.Write(address - CardRegisters.Exact, value);
                break;
            case >= CardRegisters.WildcardMisses and < LookupStatistics.End:
                _statistics.Write(address, value);
                break;
            case >= CardRegisters.OutputQueues and < OutputQueuesEnd:
                _queues.Write(address - CardRegisters.OutputQueues, value);
                break;
            case >= CardRegisters.Mac and < CardRegisters.Mac + (CardPort.Count * CardRegisters.MacStride):
                _macs[(address - CardRegisters.Mac) / CardRegisters.MacStride].Write((address - CardRegisters.Mac) % CardRegisters.MacStride, value);
                break;
            case >= CardRegisters.Phy and < CardRegisters.Phy + (CardPort.Count * CardRegisters.PhyStride)
                when (address - CardRegisters.Phy) % CardRegisters.PhyStride == PhyInterruptMask:
                _interruptMasks[(address - CardRegisters.Phy) / CardRegisters.PhyStride] = value;
                break;
            case CardRegisters.Watchdog:
                _watchdog.Enable((value & 1) != 0);
                break;
            case >= CardRegisters.InputArbiter and < InputArbiterEnd or CardRegisters.Watchdog + sizeof(uint):
                _watchdog.Feed();
                break;
            case CardRegisters.CpciControl when (value & CardRegisters.CpciReset) != 0:
                ResetAll();
                break;
        }
    }

    private void ExpireWatchdog()
    {
        if (_watchdog.HasExpired())
        {
            FlushTables();
        }
    }

    private void FlushTables()
    {
        _rows.Empty();
        _slots.Clear();
    }

    private void ResetAll()
    {
        _timer.Reset();
        _watchdog.Enable(false);
        _statistics.Clear();
        _rows.Clear();
        _slots.Clear();
        _waiting.Clear();
        _leaving.Clear();
        _queues.Clear();
        Array.ForEach(_macs, mac => mac.Clear());
        Array.Clear(_interruptMasks);
        _arbiterPackets = 0;
    }

    private static void CheckAddress(uint address)
    {
        if (address % sizeof(uint) != 0 || address >= CardRegisters.AddressLimit)
        {
            throw new ArgumentOutOfRangeException(nameof(address), $"0x{address:x}", "no address of a register");
        }
    }
}
