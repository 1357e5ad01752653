using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Pipeline;

/// <summary>One thread's accounts of packets that come from or go to no port.</summary>
internal sealed unsafe class OwnAccounts : IDisposable
{
    private const int Count = 3;

    private readonly NativeArray<PortAccount> _accounts = new(2 * Count);

    public OwnAccounts()
    {
        PortAccount.Name(Controller, PortNumber.Controller);
        PortAccount.Name(Switch, PortNumber.Local);
        PortAccount.Name(Gone, PortNumber.None);
    }

    /// <summary>Packet-outs come in here, packet-ins leave.</summary>
    public PortAccount* Controller => _accounts.Start;

    /// <summary>What the switch says itself: 802.1D frames.</summary>
    public PortAccount* Switch => _accounts.Start + 1;

    /// <summary>Ports that were taken out.</summary>
    public PortAccount* Gone => _accounts.Start + 2;

    /// <summary>For <see cref="CopyOf"/>. The thread that counts.</summary>
    public void Copy()
    {
        for (int i = 0; i < Count; i++)
        {
            _accounts.Start[Count + i] = _accounts.Start[i];
        }
    }

    /// <summary>An account as it was at the last <see cref="Copy"/>.</summary>
    public static PortAccount* CopyOf(PortAccount* account) => account + Count;

    public void Dispose() => _accounts.Dispose();
}
