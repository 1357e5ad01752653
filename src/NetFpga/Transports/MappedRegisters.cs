using Softswitch.NetFpga.Registers;
using Softswitch.Ports.Linux.Memory;

namespace Softswitch.NetFpga.Transports;

/// <summary>Registers in a mapped PCI region, without a driver.</summary>
internal sealed class MappedRegisters(string transport, MappedRegion region, IDisposable cardLock) : IRegisterAccess
{
    public string Transport => transport;

    public uint Read(uint address)
    {
        RegisterWindow.Check(transport, address, region.Length);
        return region.Read(address);
    }

    public void Write(uint address, uint value)
    {
        RegisterWindow.Check(transport, address, region.Length);
        region.Write(address, value);
    }

    public void Dispose()
    {
        region.Dispose();
        cardLock.Dispose();
    }
}
