using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Registers;
using Softswitch.Ports;
using Softswitch.Ports.Specs;

namespace Softswitch.NetFpga;

/// <summary>The cards of a switch, from which ports are opened by name.</summary>
/// <remarks>Threads: any; disposing comes last, after the ports.</remarks>
/// <param name="emulate">Makes an emulated card with this specification and <see cref="NetFpgaCard.FirstInterface"/>.</param>
internal sealed class CardSet(Func<CardSpec, int, CardHardware> emulate) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<NetFpgaCard> _cards = [];

    public IReadOnlyList<NetFpgaCard> Cards => _cards;

    /// <summary>Opens a card; see <see cref="NetFpgaCard.Open"/>.</summary>
    /// <exception cref="PortException">As there.</exception>
    public NetFpgaCard Add(CardSpec spec, int firstInterface)
    {
        NetFpgaCard card = NetFpgaCard.Open(spec, firstInterface, emulate);
        _cards.Add(card);
        return card;
    }

    /// <summary>Opens a port of a card; see <see cref="NetFpgaCard.OpenPort"/>.</summary>
    /// <param name="number">The number the port will have.</param>
    /// <param name="beside">The port whose worker must serve this port too; null if any worker may.</param>
    /// <exception cref="PortException">There is no such card, or it cannot be opened.</exception>
    public IPortDevice OpenPort(ushort number, PortSpec spec, out ushort? beside)
    {
        ArgumentNullException.ThrowIfNull(spec);
        string port = $"port '{spec.Text}'";
        lock (_lock)
        {
            if (!CardNetdev.TryParse(spec.Target, out int index)
                || _cards.Find(card => index - card.FirstInterface is >= 0 and < CardPort.Count) is not { } owner)
            {
                throw new PortException($"{port}: is a port of a NetFPGA card, which the switch has to be started with (--netfpga)");
            }
            try
            {
                return owner.OpenPort(index, number, out beside);
            }
            catch (PortException e)
            {
                throw new PortException($"{port}: {e.Message}", e);
            }
        }
    }

    public void Dispose() => _cards.ForEach(card => card.Dispose());
}
