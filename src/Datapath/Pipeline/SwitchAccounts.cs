using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Whose packets one of <see cref="SwitchAccounts"/> is about.</summary>
internal enum OwnAccount
{
    Controller,
    Switch,
    Gone,
}

/// <summary>One thread's accounts of packets that come from or go to no port.</summary>
internal sealed unsafe class SwitchAccounts : IDisposable
{
    private const int Count = (int)OwnAccount.Gone + 1;

    private readonly NativeArray<PortAccount> _accounts = new(2 * Count);

    public SwitchAccounts()
    {
        PortAccount.Name(Controller, PortNumber.Controller);
        PortAccount.Name(Switch, PortNumber.Local);
        PortAccount.Name(Gone, PortNumber.None);
    }

    /// <summary>Packet-outs come in here, packet-ins leave.</summary>
    public PortAccount* Controller => _accounts.Start;

    /// <summary>What the switch says itself: 802.1D frames.</summary>
    public PortAccount* Switch => _accounts.Start + (int)OwnAccount.Switch;

    /// <summary>Ports that were taken out.</summary>
    public PortAccount* Gone => _accounts.Start + (int)OwnAccount.Gone;

    /// <summary>One of these by reference: for code without pointers.</summary>
    /// <param name="copied">As it was at the last <see cref="Copy"/>.</param>
    public ref PortAccount Of(OwnAccount which, bool copied = false) => ref _accounts[(int)which + (copied ? Count : 0)];

    /// <summary>Keeps the accounts as they are now. The thread that counts.</summary>
    public void Copy()
    {
        for (int i = 0; i < Count; i++)
        {
            _accounts.Start[Count + i] = _accounts.Start[i];
        }
    }

    public void Dispose() => _accounts.Dispose();
}
