using System.Globalization;

namespace Softswitch.Ports.Linux;

/// <summary>Keeps a device from taking VLAN tags out of what it receives (rx-vlan-offload), and lets it again on dispose.</summary>
/// <remarks>
/// Nothing of the kernel's ends this setting with the process. So a note in <c>/run</c> says what is owed while it is off: after a kill whoever opens the
/// interface next, by any backend, finds the note and pays (<see cref="Recover"/>). A note is believed only for the interface it was written for:
/// it carries the boot's id, the network namespace's cookie (SO_NETNS_COOKIE, Linux 5.14), the interface's index and its address. Where it cannot be
/// written, by an ordinary user say, there is none. Threads: one at a time, by whoever holds the interface's lock.
/// </remarks>
internal sealed class TagOffload : IDisposable
{
    private const string Folder = "/run/softswitch";

    private readonly LinuxInterface _device;
    private readonly bool _isOurs;

    private TagOffload(LinuxInterface device, bool isOurs, bool hidesTags)
    {
        _device = device;
        _isOurs = isOurs;
        HidesTags = hidesTags;
    }

    /// <summary>Whether the driver goes on taking tags out, whatever it is told.</summary>
    public bool HidesTags { get; }

    /// <summary>Switches it off where it is on.</summary>
    public static TagOffload SwitchOff(LinuxInterface device)
    {
        if (!EthtoolDevice.HidesTags(device))
        {
            return new TagOffload(device, isOurs: false, hidesTags: false);
        }
        WriteNote(device); // first: a kill between the two steps costs nothing then
        if (EthtoolDevice.SetHidesTags(device, hides: false))
        {
            return new TagOffload(device, isOurs: true, hidesTags: false);
        }
        RemoveNote(device);
        return new TagOffload(device, isOurs: false, hidesTags: true);
    }

    /// <summary>Switches it on again if a switch that was killed left it off.</summary>
    /// <returns>Whether it did.</returns>
    public static bool Recover(LinuxInterface device)
    {
        if (ReadNote(device) is not { } note)
        {
            return false;
        }
        bool isBack = note == Content(device) && EthtoolDevice.SetHidesTags(device, hides: true);
        RemoveNote(device);
        return isBack;
    }

    public void Dispose()
    {
        if (_isOurs)
        {
            EthtoolDevice.SetHidesTags(_device, hides: true);
            RemoveNote(_device);
        }
    }

    private static string? Path(LinuxInterface device) => device.NamespaceCookie is ulong cookie
        ? string.Create(CultureInfo.InvariantCulture, $"{Folder}/rx-vlan-offload-{cookie}-{device.Index}")
        : null;

    private static string Content(LinuxInterface device) => $"{File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()} {device.HardwareAddress}\n";

    private static string? ReadNote(LinuxInterface device) => Try(device, path => File.Exists(path) ? File.ReadAllText(path) : null);

    private static void WriteNote(LinuxInterface device) => Try(device, path =>
    {
        Directory.CreateDirectory(Folder);
        File.WriteAllText(path, Content(device));
        return null;
    });

    private static void RemoveNote(LinuxInterface device) => Try(device, path =>
    {
        File.Delete(path);
        return null;
    });

    private static string? Try(LinuxInterface device, Func<string, string?> action)
    {
        try
        {
            return Path(device) is { } path ? action(path) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // without a note all is as it was before there were notes
        }
    }
}
