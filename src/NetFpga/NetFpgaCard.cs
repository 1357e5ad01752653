using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Offload.Writing;
using Softswitch.NetFpga.Registers;
using Softswitch.Ports;
using Softswitch.Ports.Specs;

namespace Softswitch.NetFpga;

/// <summary>A card in use: its registers, and its four interfaces as ports. Once opened, it holds only the reserved rows until an offload adds more.</summary>
/// <remarks>Threads: opening and disposing one at a time; <see cref="Registers"/> any.</remarks>
internal sealed class NetFpgaCard : IDisposable
{
    // The reference driver waits so long after a reset.
    private static readonly TimeSpan ResetTime = TimeSpan.FromSeconds(2);

    // The hardware needs 4.2 ms to zero its SRAM. If a card needs longer, the reserved rows do not hold, and opening tries again.
    private static readonly TimeSpan ShortResetTime = TimeSpan.FromMilliseconds(20);

    private readonly CardSpec _spec;
    private readonly SharedRegisters _registers;
    private readonly Func<int, IPortDevice> _openInterface;
    private readonly IPortDevice?[] _waiting = new IPortDevice?[CardPort.Count];
    private readonly CardPortDevice?[] _ports = new CardPortDevice?[CardPort.Count];
    private ushort? _servedWith;

    private NetFpgaCard(CardSpec spec, int firstInterface, CardHardware hardware)
    {
        _spec = spec;
        FirstInterface = firstInterface;
        _registers = Share(spec, hardware.Registers);
        _openInterface = hardware.OpenInterface;
    }

    /// <summary>Its interfaces are nf2cN for this N and the next three.</summary>
    public int FirstInterface { get; }

    /// <summary>The registers for all users of the card. Only one user may need accesses in sequence. Disposing of it does nothing.</summary>
    public IRegisterAccess Registers => _registers;

    public CardLayout Layout { get; private set; }

    public CardSpec Spec => _spec;

    /// <summary>For messages: its first interface.</summary>
    public string Name => CardNetdev.NameOf(FirstInterface);

    /// <summary>One line for people.</summary>
    public string Description { get; private set; } = string.Empty;

    /// <summary>Opens a card of the calling thread's network namespace, or an emulated one: identified, its interfaces up, its reserved rows written and verified.</summary>
    /// <param name="firstInterface">As <see cref="FirstInterface"/>.</param>
    /// <param name="emulate">As of <see cref="CardSet"/>.</param>
    /// <exception cref="PortException">It cannot be opened, is no OpenFlow card, or does not do as it is told. Nothing stays open then.</exception>
    public static NetFpgaCard Open(CardSpec spec, int firstInterface, Func<CardSpec, int, CardHardware> emulate)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(emulate);
        NetFpgaCard? card = null;
        try
        {
            card = new NetFpgaCard(spec, firstInterface, spec.IsEmulator ? emulate(spec, firstInterface) : CardHardware.Find(spec, firstInterface));
            card.Start();
            return card;
        }
        catch (Exception e) when (e is PortException or RegisterAccessException)
        {
            card?.Dispose();
            throw new PortException($"card '{spec.Text}': {e.Message}", e);
        }
    }

    /// <summary>An interface of the card as a port of the switch.</summary>
    /// <param name="index">Of the interface, as in its name.</param>
    /// <param name="number">The number the port will have.</param>
    /// <param name="beside">The port whose worker must serve this port too; null if any worker may.</param>
    /// <exception cref="PortException">It cannot be opened.</exception>
    public IPortDevice OpenPort(int index, ushort number, out ushort? beside)
    {
        int port = index - FirstInterface;
        IPortDevice device = _waiting[port] ??= OpenInterface(port);
        try
        {
            var opened = new CardPortDevice(device, _registers, port);
            _waiting[port] = null;
            Volatile.Write(ref _ports[port], opened);
            beside = _servedWith;
            // The four of an emulated card share what carries its frames.
            _servedWith ??= _spec.IsEmulator ? number : null;
            return opened;
        }
        catch (RegisterAccessException e)
        {
            throw new PortException($"{CardNetdev.NameOf(index)}: {e.Message}", e);
        }
    }

    /// <summary>Empties tables and counters while the card is in use; the statistics of its ports go on. Returns when it takes writes again.</summary>
    /// <exception cref="RegisterAccessException">The card does not answer.</exception>
    public void Reset()
    {
        Action reset = () =>
        {
            CardStart.Reset(_registers);
            Thread.Sleep(_spec.IsEmulator ? TimeSpan.Zero : ShortResetTime);
        };
        for (int port = 0; port < CardPort.Count; port++)
        {
            if (Volatile.Read(ref _ports[port]) is { } device)
            {
                Action inner = reset;
                reset = () => device.CountThrough(inner);
            }
        }
        reset();
    }

    /// <summary>Gives up registers and lock, and the interfaces that did not become ports. The others are closed by now.</summary>
    public void Dispose()
    {
        foreach (IPortDevice? device in _waiting)
        {
            device?.Dispose();
        }
        Array.Clear(_waiting);
        _registers.Close();
    }

    private static SharedRegisters Share(CardSpec spec, IRegisterAccess registers)
    {
        if (spec.Trace == null)
        {
            return new SharedRegisters(registers);
        }
        try
        {
            return new SharedRegisters(new TracingRegisters(registers, new StreamWriter(spec.Trace, append: false)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            registers.Dispose();
            throw new PortException($"trace={spec.Trace}: {e.Message}", e);
        }
    }

    private IPortDevice OpenInterface(int port)
    {
        IPortDevice device = _openInterface(port);
        device.SetAdministrativeState(true);
        return device;
    }

    private void Start()
    {
        CardIdentity identity = CardIdentity.Read(_registers);
        Layout = identity.ChooseLayout(_registers, _spec.Layout);
        for (int port = 0; port < CardPort.Count; port++)
        {
            _waiting[port] ??= OpenInterface(port);
        }
        CardStart.Run(_registers, Layout, _spec.IsEmulator ? TimeSpan.Zero : ResetTime);
        string level = _spec.Offload.ToString().ToLowerInvariant();
        Description = $"card {Name}: {identity.Project} {identity.VersionText} by {_registers.Transport}, layout {(Layout == CardLayout.V10 ? "1.0" : "0.9")}, offload={level}";
    }
}
