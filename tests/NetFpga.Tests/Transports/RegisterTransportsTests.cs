using System.Diagnostics;
using System.Runtime.InteropServices;
using Softswitch.NetFpga.Registers;
using Softswitch.NetFpga.Transports;
using Softswitch.Ports;
using Softswitch.Ports.Linux.Files;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Transports;

/// <summary>There is no card here: a file stands in for the PCI region, and the ioctls meet drivers that are not the card's.</summary>
public sealed class RegisterTransportsTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("softswitch-card-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_mapped_register_is_a_word_of_the_region_in_host_order()
    {
        string region = Region();
        using (IRegisterAccess card = Open(region))
        {
            Assert.Equal($"PCI region {region}", card.Transport);
            card.Write(0x2001048, 0x11223344);
            Assert.Equal(0x11223344u, card.Read(0x2001048));
            Assert.Equal(0u, card.Read(0x200104c));
        }
        using FileStream file = File.OpenRead(region);
        byte[] bytes = new byte[4];
        file.Position = 0x2001048;
        file.ReadExactly(bytes);
        Assert.Equal(0x11223344u, MemoryMarshal.Read<uint>(bytes));
    }

    [Theory]
    [InlineData(0x4000000u)]
    [InlineData(0x8000000u)]
    [InlineData(0xfffffffcu)]
    [InlineData(0x2001001u)]
    public void Addresses_that_are_no_registers_are_refused(uint address)
    {
        using IRegisterAccess mapped = Open(Region());
        using IRegisterAccess device = RegisterTransports.Open("null", "device");
        uint outside = address == 0x4000000u ? 0x8000000u : address; // the ioctls reach the whole bus, the region ends at 64 MiB

        Assert.Contains("is no register", Assert.Throws<RegisterAccessException>(() => mapped.Read(address)).Message, StringComparison.Ordinal);
        Assert.Contains("is no register", Assert.Throws<RegisterAccessException>(() => mapped.Write(address, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("is no register", Assert.Throws<RegisterAccessException>(() => device.Read(outside)).Message, StringComparison.Ordinal);
        Assert.Contains("is no register", Assert.Throws<RegisterAccessException>(() => device.Write(outside, 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_region_too_small_for_the_registers_is_refused()
    {
        string region = Region(0x1000);

        Assert.Equal($"nf2c0: {region} has 4096 bytes; a NetFPGA's registers take 33559032", Refusal("nf2c0", $"pci:{region}"));
    }

    [Fact]
    public void The_region_of_another_device_is_refused()
    {
        string region = Region();
        File.WriteAllText(Path.Combine(_directory, "vendor"), "0x8086\n");
        File.WriteAllText(Path.Combine(_directory, "device"), "0x100e\n");
        Assert.Equal($"nf2c0: {region} belongs to PCI device 0x8086:0x100e; a NetFPGA is 0xfeed:0x0001", Refusal("nf2c0", $"pci:{region}"));

        File.WriteAllText(Path.Combine(_directory, "vendor"), "0xfeed\n");
        File.WriteAllText(Path.Combine(_directory, "device"), "0x0001\n");
        Open(region).Dispose();
    }

    [Fact]
    public void A_card_has_one_owner()
    {
        string region = Region();
        using (Open(region))
        {
            Assert.Equal($"nf2c0: in use by another process (pid {Environment.ProcessId}), which has locked {region}", Refusal("nf2c0", $"pci:{region}"));
        }
        Open(region).Dispose();
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void A_card_is_free_when_its_owner_dies()
    {
        string region = Region();
        Needs.Program("flock");
        using Process owner = Process.Start(new ProcessStartInfo("flock", ["--no-fork", region, "cat"]) { RedirectStandardInput = true })!;
        try
        {
            Eventually.True(() => IsLocked(region), "the other process has locked it");
            Assert.Equal($"nf2c0: in use by another process (pid {owner.Id}), which has locked {region}", Refusal("nf2c0", $"pci:{region}"));
        }
        finally
        {
            owner.Kill();
            owner.WaitForExit();
        }
        Open(region).Dispose();
    }

    [Fact]
    public void A_refused_opening_leaves_no_lock()
    {
        string device = Path.Combine(_directory, "nothing");
        File.WriteAllText(device, string.Empty);
        Assert.Throws<PortException>(() => RegisterTransports.Open("nf2c0", $"pci:{device}"));
        Assert.False(IsLocked(device));
    }

    [Theory]
    [InlineData("lo", "ioctl", "ioctl on lo: reading 0x0400000: SIOCDEVPRIVATE: ")]
    [InlineData("lo", null, "ioctl on lo: reading 0x0400000: SIOCDEVPRIVATE: ")]
    [InlineData("null", "device", "ioctl on /dev/null: reading 0x0400000: SIOCDEVPRIVATE: ")]
    [InlineData("zero", null, "ioctl on /dev/zero: reading 0x0400000: SIOCDEVPRIVATE: ")]
    public void A_driver_that_is_not_the_cards_is_named(string name, string? transport, string begin)
    {
        using IRegisterAccess card = RegisterTransports.Open(name, transport);

        string message = Assert.Throws<RegisterAccessException>(() => CardIdentity.Read(card)).Message;

        Assert.StartsWith(begin, message, StringComparison.Ordinal);
        Assert.EndsWith(": its driver is not the NetFPGA driver, or an incompatible one", message, StringComparison.Ordinal);
        Assert.StartsWith(begin.Replace("reading", "writing", StringComparison.Ordinal)[..^2], Assert.Throws<RegisterAccessException>(() => card.Write(0x400000, 1)).Message, StringComparison.Ordinal);
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void A_driver_that_answers_the_same_ioctls_otherwise_is_no_card()
    {
        Needs.Namespaces();
        using LabNode network = new("t");
        CommandResult made = network.Execute("ip", "link", "add", "tunnel0", "type", "ipip", "local", "10.0.0.1", "remote", "10.0.0.2");
        Assert.SkipUnless(made.ExitCode == 0, $"no ipip devices: {made.Error}");
        network.Run(() =>
        {
            using ExclusiveLock cardLock = ExclusiveLock.Take(_directory, "tunnel0");
            using IoctlRegisters card = new("ioctl on tunnel0", RegisterIoctl.OnInterface("tunnel0"), cardLock);

            // SIOCGETTUNNEL has the number of the read: it fills in more than the driver's record has.
            Assert.Contains("no known signature", Assert.Throws<RegisterAccessException>(() => CardIdentity.Read(card)).Message, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData("nosuch0", null, "nosuch0: there is neither an interface nosuch0 nor a device /dev/nosuch0: is the NetFPGA driver loaded?")]
    [InlineData("nosuch0", "ioctl", "nosuch0: there is no interface nosuch0")]
    [InlineData("nosuch0", "device", "nosuch0: open /dev/nosuch0: No such file or directory")]
    [InlineData("nosuch0", "pci", "nosuch0: there is no interface nosuch0")]
    [InlineData("lo", "pci", "lo: /sys/class/net/lo/device/resource0: no such file: no PCI device is there")]
    [InlineData("nf2c0", "pci:0000:ff:1f.7", "nf2c0: /sys/bus/pci/devices/0000:ff:1f.7/resource0: no such file: no PCI device is there")]
    [InlineData("nf2c0", "smoke", "nf2c0: transport 'smoke' is none of ioctl, device, pci, pci:ADDRESS and pci:FILE")]
    [InlineData("nf2c0", "pci:", "nf2c0: transport 'pci:' is none of ioctl, device, pci, pci:ADDRESS and pci:FILE")]
    [InlineData("../null", null, "../null: '../null' cannot be the name of an interface (1 to 15 characters)")]
    public void What_is_not_there_is_named(string name, string? transport, string message) => Assert.Equal(message, Refusal(name, transport));

    [Fact]
    public unsafe void The_ioctls_record_is_address_and_value_in_host_order()
    {
        RegisterRequest request = new() { Address = 0x02001048, Value = 0x11223344 };
        ReadOnlySpan<byte> bytes = new(&request, sizeof(RegisterRequest));

        Assert.Equal(256, bytes.Length);
        Assert.Equal([0x48, 0x10, 0x00, 0x02, 0x44, 0x33, 0x22, 0x11], bytes[..8].ToArray());
        Assert.All(bytes[8..].ToArray(), spare => Assert.Equal(0, spare));
    }

    [Fact]
    public unsafe void The_interface_request_is_name_and_pointer()
    {
        InterfaceRequest request = InterfaceRequest.For("nf2c0");
        request.Pointer = (void*)0x1122334455667788;
        ReadOnlySpan<byte> bytes = new(&request, sizeof(InterfaceRequest));

        Assert.Equal(40, bytes.Length);
        Assert.Equal("nf2c0\0\0\0\0\0\0\0\0\0\0\0"u8.ToArray(), bytes[..16].ToArray());
        Assert.Equal([0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11], bytes[16..24].ToArray());
        Assert.Equal((0x89f0u, 0x89f1u), (RegisterIoctl.SIOCREGREAD, RegisterIoctl.SIOCREGWRITE));
    }

    private static IRegisterAccess Open(string region) => RegisterTransports.Open("nf2c0", $"pci:{region}");

    private static string Refusal(string name, string? transport) => Assert.Throws<PortException>(() => RegisterTransports.Open(name, transport)).Message;

    private static bool IsLocked(string path)
    {
        try
        {
            ExclusiveLock.Take(path, path).Dispose();
            return false;
        }
        catch (PortException)
        {
            return true;
        }
    }

    /// <summary>A sparse file as large as the card's region.</summary>
    private string Region(long length = 0x4000000)
    {
        string path = Path.Combine(_directory, "resource0");
        using FileStream file = File.Create(path);
        file.SetLength(length);
        return path;
    }
}
