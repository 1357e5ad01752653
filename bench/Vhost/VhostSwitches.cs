using Softswitch.Bench.Compare;
using Softswitch.Bench.Io;
using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Vhost;

/// <summary>Switches with two vhost-user ports, at sockets where guests' cards listen.</summary>
/// <param name="hugePages">Whether Open vSwitch has its memory in huge pages.</param>
/// <param name="processor">The only one a switch's threads may use.</param>
internal sealed class VhostSwitches(OvsInstallation? installation, bool hugePages, int processor, CancellationToken cancellation) : IDisposable
{
    /// <summary>MiB that DPDK reserves for Open vSwitch: it makes as many mbufs as fit.</summary>
    public const int OvsMemoryMiB = 512;

    /// <summary>Of this switch's frames and what the kernel needs to round up.</summary>
    public const int OwnMemoryMiB = 64;

    /// <summary>Where they run. It goes with the last of them.</summary>
    public NetworkNamespace Network { get; } = NetworkNamespace.Create();

    /// <summary>So much of huge pages.</summary>
    /// <exception cref="OptionException">There are too few.</exception>
    public static ReservedHugePages Reserve(int mebibytes) => ReservedHugePages.TryReserve(mebibytes)
        ?? throw new OptionException($"{mebibytes} MiB of huge pages cannot be reserved: run it as root, free some memory, or say --no-huge");

    /// <param name="more">Options of <c>run</c> besides.</param>
    public IoSwitch StartOwn(IReadOnlyList<string> sockets, params string[] more) =>
        new OwnIoSwitch($"vhost-user:{sockets[0]}", $"vhost-user:{sockets[1]}", Network, processor, cancellation, more);

    /// <param name="settings"><c>other_config</c> beside what DPDK needs, as KEY=VALUE.</param>
    public IoSwitch StartOpenVSwitch(IReadOnlyList<string> sockets, params string[] settings)
    {
        // Without huge pages each mbuf takes a page, and DPDK finds no place for the 262,144 that ports share by default ("No buffer space available").
        string[] memory = [.. OvsDaemons.DpdkSettings(OvsMemoryMiB, hugePages, [processor]), .. hugePages ? (string[])[] : ["per-port-memory=true"]];
        return new OvsIoSwitch(
            installation!, "dpdkvhostuserclient", Port(0), Port(1), Network, processor,
            [.. memory, .. settings], cancellation);

        string[] Port(int index) => [$"vhost{index}", $"options:vhost-server-path={sockets[index]}"];
    }

    public void Dispose() => Network.Dispose();
}
