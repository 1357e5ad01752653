using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Emulator;

/// <summary>The registers of one port's PHY: the cable's state and the interrupt it raises.</summary>
internal sealed class PortPhy
{
    private const uint InterruptStatus = 0x68;
    private const uint InterruptMask = 0x6c;
    private const uint LinkChanged = 0x2;

    private bool _isUp;
    private bool _hasChanged;
    private uint _interruptMask;

    /// <summary>Plugs the cable in or out.</summary>
    public void SetLink(bool up)
    {
        _hasChanged |= _isUp != up;
        _isUp = up;
    }

    /// <param name="register">From the start of the port's registers.</param>
    /// <param name="clears">Whether reading the interrupt's status clears it, as the hardware does.</param>
    public uint Read(uint register, bool clears)
    {
        switch (register)
        {
            case CardRegisters.PhyAuxiliaryStatus:
                return _isUp ? CardRegisters.PhyLinkUp : 0;
            case InterruptStatus:
                uint status = _hasChanged ? LinkChanged : 0;
                _hasChanged &= !clears;
                return status;
            case InterruptMask:
                return _interruptMask;
            default:
                return EmulatedCard.UnknownRegister;
        }
    }

    public void Write(uint register, uint value)
    {
        if (register == InterruptMask)
        {
            _interruptMask = value;
        }
    }

    /// <summary>What a reset does: the cable stays.</summary>
    public void Clear() => _interruptMask = 0;
}
