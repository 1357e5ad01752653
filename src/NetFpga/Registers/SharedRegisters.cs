namespace Softswitch.NetFpga.Registers;

/// <summary>A card's registers for several threads: one access at a time.</summary>
/// <remarks>
/// It does not keep sequences of accesses together. Only one user has any, by the staging words; ports read only counters and link states.
/// Users do not dispose of the registers: the card's owner does.
/// </remarks>
internal sealed class SharedRegisters(IRegisterAccess inner) : IRegisterAccess
{
    private readonly Lock _lock = new();
    private bool _isClosed;

    public string Transport => inner.Transport;

    public uint Read(uint address)
    {
        lock (_lock)
        {
            CheckOpen();
            uint value = inner.Read(address);
            // A card that is gone from the bus reads as ones, without an error from any transport: counters would take that for traffic.
            if (value == uint.MaxValue && inner.Read(CardRegisters.Identification) == uint.MaxValue)
            {
                throw new RegisterAccessException($"{Transport}: read of 0x{address:x7}: all registers are ones, the card is gone");
            }
            return value;
        }
    }

    public void Write(uint address, uint value)
    {
        lock (_lock)
        {
            CheckOpen();
            inner.Write(address, value);
        }
    }

    public void Close()
    {
        lock (_lock)
        {
            _isClosed = true;
            inner.Dispose();
        }
    }

    public void Dispose()
    {
    }

    private void CheckOpen()
    {
        if (_isClosed)
        {
            throw new RegisterAccessException($"{Transport}: closed");
        }
    }
}
