using System.Runtime.InteropServices;

namespace Softswitch.Ports.Linux.Interfaces;

/// <summary>What a driver says of itself, and its VLAN offload, through SIOCETHTOOL (linux/ethtool.h).</summary>
internal static unsafe class EthtoolDevice
{
    private const uint SIOCETHTOOL = 0x8946;
    private const uint ETHTOOL_GDRVINFO = 0x3;
    private const uint ETHTOOL_GFLAGS = 0x25;
    private const uint ETHTOOL_SFLAGS = 0x26;
    private const uint ETHTOOL_GCHANNELS = 0x3c;
    private const uint ETH_FLAG_RXVLAN = 1 << 8;

    /// <summary>The driver's name, such as veth; empty if it does not say.</summary>
    /// <param name="device">The interface.</param>
    /// <param name="isHardware">Whether it sits on a bus.</param>
    public static string ReadDriver(LinuxInterface device, out bool isHardware)
    {
        DriverInformation answer = new() { Command = ETHTOOL_GDRVINFO };
        isHardware = false;
        if (!Ask(device, &answer))
        {
            return string.Empty;
        }
        string driver = Marshal.PtrToStringUTF8((nint)answer.Driver) ?? string.Empty;
        // TAP devices call their bus "tap", bridges "N/A", veth nothing.
        isHardware = Marshal.PtrToStringUTF8((nint)answer.Bus) is not (null or "" or "tap" or "N/A");
        return driver;
    }

    /// <summary>Queues the interface receives and sends by; 1 each if the driver does not say.</summary>
    public static (int Receive, int Transmit) ReadQueues(LinuxInterface device)
    {
        Channels answer = new() { Command = ETHTOOL_GCHANNELS };
        return Ask(device, &answer)
            ? ((int)Math.Max(1, answer.Receive + answer.Combined), (int)Math.Max(1, answer.Transmit + answer.Combined))
            : (1, 1);
    }

    /// <summary>Whether the device takes the VLAN tag out of what it receives.</summary>
    public static bool HidesTags(LinuxInterface device) => ReadFlags(device) is uint flags && (flags & ETH_FLAG_RXVLAN) != 0;

    /// <returns>False when the driver refuses.</returns>
    public static bool SetHidesTags(LinuxInterface device, bool hides)
    {
        if (ReadFlags(device) is not uint flags)
        {
            return false;
        }
        return TrySet(device, ETHTOOL_SFLAGS, hides ? flags | ETH_FLAG_RXVLAN : flags & ~ETH_FLAG_RXVLAN) && HidesTags(device) == hides;
    }

    /// <summary>A command that takes one number. False, errno saying why, when the driver refuses.</summary>
    public static bool TrySet(LinuxInterface device, uint command, uint value)
    {
        Flags request = new() { Command = command, Value = value };
        return Ask(device, &request);
    }

    private static uint? ReadFlags(LinuxInterface device)
    {
        Flags answer = new() { Command = ETHTOOL_GFLAGS };
        return Ask(device, &answer) ? answer.Value : null;
    }

    private static bool Ask(LinuxInterface device, void* question)
    {
        InterfaceRequest request = default;
        request.Pointer = question;
        return device.Request(SIOCETHTOOL, request);
    }

    /// <summary>struct ethtool_value.</summary>
    private struct Flags
    {
        public uint Command;
        public uint Value;
    }

    /// <summary>struct ethtool_drvinfo.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 196)]
    private struct DriverInformation
    {
        [FieldOffset(0)]
        public uint Command;

        [FieldOffset(4)]
        public fixed byte Driver[32];

        [FieldOffset(100)]
        public fixed byte Bus[32];
    }

    /// <summary>struct ethtool_channels.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 36)]
    private struct Channels
    {
        [FieldOffset(0)]
        public uint Command;

        [FieldOffset(20)]
        public uint Receive;

        [FieldOffset(24)]
        public uint Transmit;

        [FieldOffset(32)]
        public uint Combined;
    }
}
