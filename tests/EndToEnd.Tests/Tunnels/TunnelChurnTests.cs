using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Hosting.Management;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Tunnels;

/// <summary>Tunnel ports come and go while another one of the same underlay carries packets.</summary>
public sealed class TunnelChurnTests
{
    private const int Rounds = 20;
    private const int PingCount = 150;

    [Theory]
    [InlineData("packet:u0,address=10.1.0.1/24,gateway=10.1.0.254")]
    [InlineData("packet:u0,address=10.1.0.1/24,neighbours=kernel")]
    public async Task Adding_and_removing_tunnels_costs_the_others_nothing(string underlay)
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("softswitch-control-");
        try
        {
            using var lab = new RoutedLab();
            lab.AddToKernel();
            string path = Path.Combine(folder.FullName, "control");
            using RunningCommand running = lab.StartProcess(underlay, "--control", $"punix:{path}");
            Eventually.True(() => lab.Ping(1) == 1, () => "no answer through the tunnel");
            Task<int> answered = Task.Factory.StartNew(
                () => CabledHosts.Ping(lab.Near, RoutedLab.Inner, PingCount, TimeSpan.FromMilliseconds(20)),
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            Churn(path);
            int descriptors = CountDescriptors(running);
            for (int round = 1; round < Rounds; round++)
            {
                Churn(path);
            }
            // Not all that is closed is closed at once: descriptors go with the last worker's pass. An assembly that is loaded later takes two, and
            // rings that grow take some. A tunnel that leaves one behind leaves one a round.
            Eventually.True(
                () => CountDescriptors(running) < descriptors + Rounds - 1, () => $"{CountDescriptors(running)} descriptors, {descriptors} after the first round");
            Assert.Equal(PingCount, await answered);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>A tunnel of the same peer, one of its port to another, and one of another protocol.</summary>
    private static void Churn(string path)
    {
        string[] tunnels = [$"11=vxlan:local=10.1.0.1,remote={RoutedLab.FarEnd},key=43", "12=vxlan:local=10.1.0.1,remote=flow", "13=gre:local=10.1.0.1,remote=10.1.0.9"];
        foreach (string tunnel in tunnels)
        {
            Assert.StartsWith($"port {tunnel[..2]}: ", Assert.Single(Ask(path, ManagementRequest.AddPort(tunnel))), StringComparison.Ordinal);
        }
        foreach (string tunnel in tunnels)
        {
            Ask(path, ManagementRequest.DeletePort(tunnel[..2]));
        }
    }

    private static int CountDescriptors(RunningCommand running) => Directory.GetFileSystemEntries($"/proc/{running.ProcessId}/fd").Length;

    private static string[] Ask(string path, ManagementRequest request) => ManagementClient.AskLines($"unix:{path}", request, SwitchProgram.Patience);
}
