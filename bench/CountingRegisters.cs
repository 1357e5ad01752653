using Softswitch.NetFpga.Registers;

namespace Softswitch.Bench;

/// <summary>Counts the accesses to a card's registers.</summary>
internal sealed class CountingRegisters(IRegisterAccess inner) : IRegisterAccess
{
    public long Reads { get; private set; }

    public long Writes { get; private set; }

    public string Transport => inner.Transport;

    public uint Read(uint address)
    {
        Reads++;
        return inner.Read(address);
    }

    public void Write(uint address, uint value)
    {
        Writes++;
        inner.Write(address, value);
    }

    public void Dispose() => inner.Dispose();
}
