using Softswitch.NetFpga.Registers;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;

namespace Softswitch.NetFpga.Transports;

/// <summary>Registers through the driver's private ioctls, on an interface of the card or on its character device.</summary>
internal sealed class IoctlRegisters(string transport, RegisterIoctl ioctl, IDisposable cardLock) : IRegisterAccess
{
    public string Transport => transport;

    public uint Read(uint address)
    {
        RegisterWindow.Check(transport, address, CardRegisters.AddressLimit);
        try
        {
            return ioctl.Read(address);
        }
        catch (SystemCallException e)
        {
            throw Failure($"reading 0x{address:x7}", e);
        }
    }

    public void Write(uint address, uint value)
    {
        RegisterWindow.Check(transport, address, CardRegisters.AddressLimit);
        try
        {
            ioctl.Write(address, value);
        }
        catch (SystemCallException e)
        {
            throw Failure($"writing 0x{address:x7}", e);
        }
    }

    public void Dispose()
    {
        ioctl.Dispose();
        cardLock.Dispose();
    }

    private RegisterAccessException Failure(string what, SystemCallException e)
    {
        bool isUnknown = e.Error is Errno.EOPNOTSUPP or Errno.ENOTTY or Errno.EINVAL;
        return new RegisterAccessException($"{transport}: {what}: {e.Message}{(isUnknown ? ": its driver is not the NetFPGA driver, or an incompatible one" : string.Empty)}", e);
    }
}
