using Softswitch.NetFpga.Registers;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Files;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Memory;

namespace Softswitch.NetFpga.Transports;

/// <summary>The ways to a card's registers, and the lock that keeps a card to one program.</summary>
/// <remarks>
/// <c>ioctl</c>: the driver, by an interface of the card; any of the four will do. <c>device</c>: the driver, by <c>/dev/NAME</c>. <c>pci</c>: PCI region 0,
/// mapped, of the device behind the interface; <c>pci:WHERE</c> names it by its PCI address or by the region's file.
/// The lock is on the region's file where the card has one, so that programs that go different ways meet.
/// </remarks>
internal static class RegisterTransports
{
    private const string Ioctl = "ioctl";
    private const string Device = "device";
    private const string Pci = "pci";
    private const uint Vendor = 0xfeed;
    private const uint Product = 0x0001;

    /// <summary>Whether it is a value of <c>transport=</c>.</summary>
    public static bool IsKnown(string transport) =>
        transport is Ioctl or Device or Pci || (transport.StartsWith($"{Pci}:", StringComparison.Ordinal) && transport.Length > Pci.Length + 1);

    /// <summary>Opens and locks a card's registers. Nothing is read or written.</summary>
    /// <param name="name">An interface of the card, or its character device below /dev.</param>
    /// <param name="transport">One of <see cref="IsKnown"/>; null: the interface if there is one, else the device.</param>
    /// <exception cref="PortException">There is no such card, it cannot be opened, or another program has it.</exception>
    public static IRegisterAccess Open(string name, string? transport)
    {
        switch (transport ?? Find(name))
        {
            case Ioctl:
                return OpenInterface(name);
            case Device:
                return OpenDevice(name);
            case Pci:
                return OpenRegion(name, $"/sys/class/net/{CheckedInterface(name)}/device/resource0");
            case string pci when IsKnown(pci):
                string where = pci[(Pci.Length + 1)..];
                return OpenRegion(name, where.Contains('/', StringComparison.Ordinal) ? where : $"/sys/bus/pci/devices/{where}/resource0");
            default:
                throw new PortException($"{name}: transport '{transport}' is none of {Ioctl}, {Device}, {Pci}, {Pci}:ADDRESS and {Pci}:FILE");
        }
    }

    private static string Find(string name)
    {
        if (LinuxInterface.IsThere(name, name))
        {
            return Ioctl;
        }
        return File.Exists($"/dev/{name}")
            ? Device
            : throw new PortException($"{name}: there is neither an interface {name} nor a device /dev/{name}: is the NetFPGA driver loaded?");
    }

    private static string CheckedInterface(string name) =>
        LinuxInterface.IsThere(name, name) ? name : throw new PortException($"{name}: there is no interface {name}");

    private static IoctlRegisters OpenInterface(string name)
    {
        string directory = $"/sys/class/net/{CheckedInterface(name)}";
        string region = $"{directory}/device/resource0";
        return OpenIoctl(name, $"ioctl on {name}", File.Exists(region) ? region : directory, () => RegisterIoctl.OnInterface(name));
    }

    private static IoctlRegisters OpenDevice(string name)
    {
        string path = $"/dev/{name}";
        return OpenIoctl(name, $"ioctl on {path}", path, () => RegisterIoctl.OnDevice(path));
    }

    private static IoctlRegisters OpenIoctl(string name, string transport, string lockPath, Func<RegisterIoctl> open)
    {
        ExclusiveLock cardLock = ExclusiveLock.Take(lockPath, name);
        try
        {
            return new IoctlRegisters(transport, open(), cardLock);
        }
        catch (SystemCallException e)
        {
            cardLock.Dispose();
            throw new PortException($"{name}: {e.Message}", e);
        }
    }

    private static MappedRegisters OpenRegion(string name, string path)
    {
        FileInfo file = new(path);
        if (!file.Exists)
        {
            throw new PortException($"{name}: {path}: no such file: no PCI device is there");
        }
        CheckProduct(name, path);
        if (file.Length < RegisterWindow.Needed)
        {
            throw new PortException($"{name}: {path} has {file.Length} bytes; a NetFPGA's registers take {RegisterWindow.Needed}");
        }
        ExclusiveLock cardLock = ExclusiveLock.Take(path, name);
        try
        {
            uint length = (uint)Math.Min(file.Length & ~3L, CardRegisters.AddressLimit);
            return new MappedRegisters($"PCI region {path}", MappedRegion.Open(path, length), cardLock);
        }
        catch (SystemCallException e)
        {
            cardLock.Dispose();
            throw new PortException($"{name}: {e.Message}", e);
        }
    }

    /// <summary>Stores into the registers of something else could do anything. A file that is no PCI region has nothing to say of itself.</summary>
    private static void CheckProduct(string name, string path)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        string vendorFile = Path.Combine(directory, "vendor");
        if (!File.Exists(vendorFile))
        {
            return;
        }
        string vendor = File.ReadAllText(vendorFile).Trim();
        string product = File.ReadAllText(Path.Combine(directory, "device")).Trim();
        if (vendor != $"0x{Vendor:x4}" || product != $"0x{Product:x4}")
        {
            throw new PortException($"{name}: {path} belongs to PCI device {vendor}:{product}; a NetFPGA is 0x{Vendor:x4}:0x{Product:x4}");
        }
    }
}

/// <summary>The addresses that are registers. Others are refused here: the driver takes them, does nothing, and says that it went well.</summary>
internal static class RegisterWindow
{
    /// <summary>The card's registers of this program end here.</summary>
    public const uint Needed = CardRegisters.RowLastHit + (4 * CardRegisters.RowCount);

    /// <param name="limit">Bytes of the window.</param>
    /// <exception cref="RegisterAccessException">It is none of them.</exception>
    public static void Check(string transport, uint address, uint limit)
    {
        if (address % 4 != 0 || address >= limit)
        {
            throw new RegisterAccessException(
                $"{transport}: 0x{address:x7} is no register: addresses are multiples of 4 below 0x{limit:x7}");
        }
    }
}
