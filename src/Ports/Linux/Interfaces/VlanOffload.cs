using System.Globalization;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Ports.Linux.Interfaces;

/// <summary>Keeps a device from taking VLAN tags out of what it receives (rx-vlan-offload), until <see cref="Restore"/>.</summary>
/// <remarks>
/// The kernel does not reset this setting when the process ends, and the setting follows the interface to another network namespace. So while the offload is
/// off, a note in <c>/run</c> records that. After a kill, or when the interface is back, the next port that opens it, by any backend, finds the note and
/// restores the setting (<see cref="Recover"/>). A note counts only for the interface it was written for: it carries the boot's id, the network namespace's
/// cookie (SO_NETNS_COOKIE, Linux 5.14), the interface's index and its address. The writer of a note removes notes of namespaces that are gone.
/// An ordinary user, who cannot write there, leaves no note. Threads: the holder of the interface's lock, one at a time; but for Restore, in the
/// interface's network namespace.
/// </remarks>
internal sealed class VlanOffload
{
    private const string Folder = "/run/softswitch";
    private const string Prefix = "rx-vlan-offload-";

    private readonly LinuxInterface _device;

    private VlanOffload(LinuxInterface device, bool isOwed, bool hidesTags)
    {
        _device = device;
        IsOwed = isOwed;
        HidesTags = hidesTags;
    }

    /// <summary>Whether the driver goes on taking tags out, whatever it is told.</summary>
    public bool HidesTags { get; }

    /// <summary>Whether it was on and is to be on again in the end. With false it is another process's to see to.</summary>
    public bool IsOwed { get; set; }

    /// <summary>As another process left it.</summary>
    public static VlanOffload Of(LinuxInterface device, bool hidesTags) => new(device, isOwed: false, hidesTags);

    /// <summary>Switches it off where it is on.</summary>
    public static VlanOffload SwitchOff(LinuxInterface device)
    {
        if (!EthtoolDevice.HidesTags(device))
        {
            return new VlanOffload(device, isOwed: false, hidesTags: false);
        }
        WriteNote(device); // first: a kill between the two steps costs nothing then
        if (EthtoolDevice.SetHidesTags(device, hides: false))
        {
            return new VlanOffload(device, isOwed: true, hidesTags: false);
        }
        RemoveNote(device);
        return new VlanOffload(device, isOwed: false, hidesTags: true);
    }

    /// <summary>Switches it on again if a switch that was killed, or that lost the interface to another namespace, left it off.</summary>
    /// <returns>Whether it did.</returns>
    public static bool Recover(LinuxInterface device)
    {
        bool isBack = false;
        foreach (string note in Notes(device))
        {
            bool isOfIndex = note == PathOf(device);
            bool isOfDevice = Try(() => File.ReadAllText(note)) == Content(device);
            // An interface that comes back from another namespace may have another index; one that has the note's index is another.
            if (isOfDevice && (isOfIndex || !device.IsIndexTaken(IndexOf(note))))
            {
                isBack |= EthtoolDevice.SetHidesTags(device, hides: true);
                Remove(note);
            }
            else if (isOfIndex)
            {
                Remove(note);
            }
        }
        return isBack;
    }

    /// <summary>Switches it on again if it was on.</summary>
    /// <param name="isElsewhere">Whether the interface lives in another namespace by now, out of reach: then it is owed until it is back.</param>
    public void Restore(bool isElsewhere)
    {
        if (IsOwed && (EthtoolDevice.SetHidesTags(_device, hides: true) || !isElsewhere))
        {
            RemoveNote(_device);
        }
    }

    private static string? PathOf(LinuxInterface device) => device.NamespaceCookie is ulong cookie
        ? string.Create(CultureInfo.InvariantCulture, $"{Folder}/{Prefix}{cookie}-{device.Index}")
        : null;

    private static int IndexOf(string note) => int.TryParse(note.AsSpan(note.LastIndexOf('-') + 1), CultureInfo.InvariantCulture, out int index) ? index : 0;

    /// <summary>The notes of the device's namespace.</summary>
    private static string[] Notes(LinuxInterface device) => device.NamespaceCookie is ulong cookie && Directory.Exists(Folder)
        ? Try(() => Directory.GetFiles(Folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{cookie}-*"))) ?? []
        : [];

    private static string Content(LinuxInterface device) => $"{BootId()} {device.HardwareAddress} {NamespaceOf("thread-self")}\n";

    private static string BootId() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>Such as <c>net:[4026531840]</c>.</summary>
    private static string? NamespaceOf(string process) => new FileInfo($"/proc/{process}/ns/net").LinkTarget;

    private static void WriteNote(LinuxInterface device) => Try(() =>
    {
        if (PathOf(device) is { } path)
        {
            Directory.CreateDirectory(Folder);
            RemoveVanished();
            string unfinished = $"{Folder}/.{Path.GetFileName(path)}"; // a reader must not see a half-written note, and take it for another interface's
            File.WriteAllText(unfinished, Content(device));
            File.Move(unfinished, path, overwrite: true);
        }
        return string.Empty;
    });

    /// <summary>
    /// Removes the notes of earlier boots, and, where all processes can be seen, of network namespaces that no process, no descriptor and no mount
    /// (ip-netns(8)) keeps.
    /// </summary>
    private static void RemoveVanished()
    {
        string boot = BootId();
        string[] notes = Directory.GetFiles(Folder, $"{Prefix}*"); // listed first: a later note may be of a namespace that the search below misses
        HashSet<string>? living = Capabilities.MayLookIntoOthers() ? FindLiving() : null; // else a namespace that seems gone may live
        foreach (string note in notes)
        {
            string[] fields = (Try(() => File.ReadAllText(note)) ?? string.Empty).TrimEnd().Split(' ');
            if (fields is not [_, _, string space] || fields[0] != boot || living?.Contains(space) == false)
            {
                Remove(note);
            }
        }
    }

    /// <summary>The network namespaces that some process, descriptor or mount keeps.</summary>
    private static HashSet<string> FindLiving()
    {
        HashSet<string> living = [];
        foreach (string process in Directory.GetDirectories("/proc").Where(folder => char.IsAsciiDigit(Path.GetFileName(folder)[0])))
        {
            IEnumerable<string> links = (Try(() => Directory.GetFiles($"{process}/fd")) ?? []).Append($"{process}/ns/net");
            living.UnionWith(links.Select(link => Try(() => new FileInfo(link).LinkTarget)).OfType<string>().Where(IsNamespace));
        }
        // Its fourth field is the file that is mounted: the namespace's name.
        living.UnionWith(File.ReadLines("/proc/thread-self/mountinfo").Select(line => line.Split(' ')[3]).Where(IsNamespace));
        return living;
    }

    private static bool IsNamespace(string target) => target.StartsWith("net:[", StringComparison.Ordinal);

    private static void RemoveNote(LinuxInterface device)
    {
        if (PathOf(device) is { } path)
        {
            Remove(path);
        }
    }

    private static void Remove(string note) => Try(() =>
    {
        File.Delete(note);
        return note;
    });

    private static T? Try<T>(Func<T?> action)
        where T : class
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // without a note all is as it was before there were notes
        }
    }
}
