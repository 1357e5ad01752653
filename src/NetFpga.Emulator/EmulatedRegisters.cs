using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Emulator;

/// <summary>An emulated card's blocks, and which register is whose. Threads: one at a time.</summary>
internal sealed class EmulatedRegisters
{
    private const uint CpciId = 0x0000000;
    private const uint CpciStatus = 0x0000104;
    private const uint CpciProgrammed = 0x100;
    private const uint OutputQueuesEnd = CardRegisters.OutputQueues + 0x100;
    private const uint InputArbiterEnd = CardRegisters.InputArbiter + 0x100;
    private const uint InputArbiterWords = 0x20;
    private const uint WatchdogEnd = CardRegisters.Watchdog + 0x8;

    private readonly EmulatedIdentity _identity;
    private readonly uint[] _identification;
    private readonly CardTimer _timer;
    private readonly Watchdog _watchdog;
    private readonly PortPhy[] _phys = [new(), new(), new(), new()];

    public EmulatedRegisters(EmulatedCardOptions options, TimeProvider time)
    {
        _identity = options.Identity ?? EmulatedIdentity.Of(options.Layout);
        _identification = _identity.ToWords(EmulatedCard.UnknownRegister);
        _timer = new CardTimer(time);
        _watchdog = new Watchdog(_timer);
        Statistics = new LookupStatistics(_timer);
        Rows = new CardWildcardTable(options.Layout);
    }

    public CardWildcardTable Rows { get; }

    public CardExactTable Slots { get; } = new();

    public LookupStatistics Statistics { get; }

    public CardOutputQueues Queues { get; } = new();

    public MacGroup[] Macs { get; } = [new(), new(), new(), new()];

    /// <summary>Seconds on the card's timer.</summary>
    public uint Seconds => _timer.Seconds;

    /// <summary>Frames that the input arbiter has let through since its count was read last.</summary>
    public uint ArbiterPackets { get; set; }

    /// <summary>A reset clears what is under way, too.</summary>
    public Action? OnReset { get; init; }

    public void SetLink(int port, bool up) => _phys[port].SetLink(up);

    /// <param name="peeks">Whether the read is to have none of its consequences.</param>
    public uint Read(uint address, bool peeks = false)
    {
        uint value;
        switch (address)
        {
            case >= CardRegisters.RowAction and < CardRegisters.RowAction + 0x200 when Rows.TryRead(address, out value):
            case >= CardRegisters.OutputQueues and < OutputQueuesEnd when Queues.TryRead(address - CardRegisters.OutputQueues, out value):
            case >= CardRegisters.Mac and < CardRegisters.Mac + (CardPort.Count * CardRegisters.MacStride)
                when Macs[(address - CardRegisters.Mac) / CardRegisters.MacStride].TryRead((address - CardRegisters.Mac) % CardRegisters.MacStride, out value):
                return value;
            case >= CardRegisters.WildcardMisses and < LookupStatistics.End:
                return Statistics.Read(address);
            case >= CardRegisters.Exact and < CardRegisters.Exact + (CardRegisters.SlotCount * CardRegisters.SlotStride):
                return peeks ? Slots.Peek(address - CardRegisters.Exact) : Slots.Read(address - CardRegisters.Exact);
            case >= CardRegisters.Identification and < CardRegisters.Identification + 0x100:
                return _identification[(address - CardRegisters.Identification) / sizeof(uint)];
            case >= CardRegisters.Phy and < CardRegisters.Phy + (CardPort.Count * CardRegisters.PhyStride):
                return _phys[(address - CardRegisters.Phy) / CardRegisters.PhyStride].Read((address - CardRegisters.Phy) % CardRegisters.PhyStride, clears: !peeks);
            case >= CardRegisters.InputArbiter and < InputArbiterEnd:
                return ReadArbiter(address - CardRegisters.InputArbiter, peeks);
            case >= CardRegisters.Watchdog and < WatchdogEnd:
                return ReadWatchdog(address, peeks);
            case CpciId:
                return _identity.CpciVersion;
            case CardRegisters.CpciControl:
                return 0;
            case CpciStatus:
                return CpciProgrammed;
            default:
                return EmulatedCard.UnknownRegister;
        }
    }

    private uint ReadArbiter(uint offset, bool peeks)
    {
        uint value = offset switch
        {
            0 => ArbiterPackets,
            < InputArbiterWords => 0, // the last words of a frame, the arbiter's state
            _ => EmulatedCard.UnknownRegister,
        };
        if (!peeks)
        {
            TouchArbiter(offset);
        }
        return value;
    }

    /// <summary>Any access to its count clears it, and so do seven more places: for that the block looks at low bits only.</summary>
    private void TouchArbiter(uint offset)
    {
        if (offset % InputArbiterWords == 0)
        {
            ArbiterPackets = 0;
        }
        _watchdog.Feed();
    }

    private uint ReadWatchdog(uint address, bool peeks)
    {
        uint value = address == CardRegisters.Watchdog ? _watchdog.IsEnabled ? 1u : 0 : _watchdog.Counter;
        if (!peeks)
        {
            _watchdog.Feed();
        }
        return value;
    }

    public void Write(uint address, uint value)
    {
        switch (address)
        {
            case >= CardRegisters.RowAction and < CardRegisters.RowAction + 0x200 when Rows.TryWrite(address, value):
                break;
            case >= CardRegisters.Exact and < CardRegisters.Exact + (CardRegisters.SlotCount * CardRegisters.SlotStride):
                Slots.Write(address - CardRegisters.Exact, value);
                break;
            case >= CardRegisters.WildcardMisses and < LookupStatistics.End:
                Statistics.Write(address, value);
                break;
            case >= CardRegisters.OutputQueues and < OutputQueuesEnd:
                Queues.Write(address - CardRegisters.OutputQueues, value);
                break;
            case >= CardRegisters.Mac and < CardRegisters.Mac + (CardPort.Count * CardRegisters.MacStride):
                Macs[(address - CardRegisters.Mac) / CardRegisters.MacStride].Write((address - CardRegisters.Mac) % CardRegisters.MacStride, value);
                break;
            case >= CardRegisters.Phy and < CardRegisters.Phy + (CardPort.Count * CardRegisters.PhyStride):
                _phys[(address - CardRegisters.Phy) / CardRegisters.PhyStride].Write((address - CardRegisters.Phy) % CardRegisters.PhyStride, value);
                break;
            case CardRegisters.Watchdog:
                _watchdog.Enable((value & 1) != 0);
                break;
            case >= CardRegisters.InputArbiter and < InputArbiterEnd:
                TouchArbiter(address - CardRegisters.InputArbiter);
                break;
            case CardRegisters.Watchdog + sizeof(uint):
                _watchdog.Feed();
                break;
            case CardRegisters.CpciControl when (value & CardRegisters.CpciReset) != 0:
                Reset();
                break;
        }
    }

    /// <summary>Time may have passed since the last access, and the watchdog run out.</summary>
    public void ExpireWatchdog()
    {
        if (_watchdog.HasExpired())
        {
            Flush();
        }
    }

    /// <summary>As <see cref="EmulatedCard.Flush"/>.</summary>
    public void Flush()
    {
        Rows.Empty();
        Slots.Clear();
    }

    /// <summary>As <see cref="EmulatedCard.Reset"/>.</summary>
    public void Reset()
    {
        _timer.Reset();
        _watchdog.Enable(false);
        Statistics.Clear();
        Rows.Clear();
        Slots.Clear();
        Queues.Clear();
        Array.ForEach(Macs, mac => mac.Clear());
        Array.ForEach(_phys, phy => phy.Clear());
        ArbiterPackets = 0;
        OnReset?.Invoke();
    }
}

/// <summary>The card's clock: time since its last reset.</summary>
internal sealed class CardTimer(TimeProvider time)
{
    private long _start = time.GetTimestamp();

    public TimeSpan Now => time.GetElapsedTime(_start);

    public uint Seconds => (uint)Now.TotalSeconds;

    public void Reset() => _start = time.GetTimestamp();
}
