using System.Globalization;
using Softswitch.Bench.Io;
using Softswitch.Bench.Sides;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Machines;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Bench.Vhost;

/// <summary>Two virtual machines at the vhost-user ports of a switch.</summary>
internal sealed class GuestTestbed : ITcpTestbed
{
    /// <summary>The command that installs everything on Debian and Ubuntu.</summary>
    public const string InstallLine = "apt-get install qemu-system-x86 linux-image-cloud-amd64 busybox-static iperf3";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // A switch gives up a connection that is silent for longer.
    private static readonly TimeSpan SignOfLife = TimeSpan.FromSeconds(2);

    private readonly LabMachine _client;
    private readonly LabMachine _server;

    /// <param name="cancellation">Kills the guests.</param>
    public GuestTestbed(CancellationToken cancellation)
    {
        (_client, _server) = (Make(1, cancellation), Make(2, cancellation));
        Sockets = [.. ((LabMachine[])[_client, _server]).Select(machine => machine.Connect(machine, string.Empty).Split(':', 2)[1])];
    }

    /// <summary>Where its cards listen for the switch.</summary>
    public IReadOnlyList<string> Sockets { get; }

    /// <summary>Missing programs and libraries, a line each.</summary>
    public static IEnumerable<string> FindMissing()
    {
        if (GuestImage.FindMissing() is { } missing)
        {
            yield return missing;
        }
        if (OvsInstallation.FindProgram("iperf3") == null)
        {
            yield return "iperf3 is not there";
        }
    }

    /// <summary>Boots them.</summary>
    /// <exception cref="TestbedException">One does not boot.</exception>
    public void Begin(IoSwitch device, CancellationToken cancellation)
    {
        // A thread of its own, which starts from ours and so keeps off the switch's processor.
        Task boot = Task.Factory.StartNew(Boot, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            while (!((IAsyncResult)boot).AsyncWaitHandle.WaitOne(SignOfLife))
            {
                device.Client.Barrier();
            }
        }
        catch (OfClientException) when (cancellation.IsCancellationRequested)
        {
            // The switch is killed, and so are the guests, which is what the other thread finds.
        }
        boot.GetAwaiter().GetResult();
    }

    public TcpStreamRate Measure(TimeSpan duration, CancellationToken cancellation)
    {
        string seconds = Math.Max(1, Math.Ceiling(duration.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        try
        {
            CommandResult result = _client.Execute(duration + Patience, $"iperf3 -c {_server.IPAddress} -t {seconds} -f k -i 0 --connect-timeout 5000");
            cancellation.ThrowIfCancellationRequested();
            return result.ExitCode == 0 && TcpRate.Read(result.Output) is { } rate
                ? new TcpStreamRate(rate)
                : throw new CompareException($"iperf3 between the guests failed: {result.Output.Trim().ReplaceLineEndings("; ")}");
        }
        catch (TestbedException e)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new CompareException(e.Message, e);
        }
    }

    public void Dispose()
    {
        _client.Dispose();
        _server.Dispose();
    }

    private void Boot()
    {
        _client.Start();
        _server.Start();
        _server.Execute("iperf3 -s -D").Checked();
    }

    private static LabMachine Make(int number, CancellationToken cancellation) => new(
        $"guest{number}", new MacAddress(0x0200_0000_0000 + (ulong)number), new Ipv4Prefix(Be32.FromHost(0x0a00_0000 + (uint)number), 24))
    {
        Cable = MachineCable.VhostUser,
        Cancellation = cancellation,
    };
}
