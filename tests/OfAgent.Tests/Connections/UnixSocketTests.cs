using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Pipeline;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Learning;
using Softswitch.OfAgent.Tests.Agent;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Connections;

/// <summary><c>unix:</c> and <c>punix:</c>, and the socket's file.</summary>
public sealed class UnixSocketTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-unix-");

    private string SocketPath => Path.Combine(_folder.FullName, "mgmt");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void A_client_talks_over_the_socket_whose_file_is_the_owners_and_goes_at_the_end()
    {
        using (AgentHarness harness = Listen())
        {
            using OfClient client = OfClient.Connect($"unix:{SocketPath}", Patience);
            Assert.Equal(0, client.Barrier());
            if (!OperatingSystem.IsWindows())
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(SocketPath));
            }
        }

        Assert.False(File.Exists(SocketPath));
    }

    [Fact]
    public void A_socket_whose_listener_died_gives_way()
    {
        using (Socket dead = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            dead.Bind(new UnixDomainSocketEndPoint(SocketPath));
            File.Move(SocketPath, SocketPath + ".kept"); // .NET removes the file it bound
        }
        File.Move(SocketPath + ".kept", SocketPath);
        using AgentHarness harness = Listen();
        using OfClient client = OfClient.Connect($"unix:{SocketPath}", Patience);

        Assert.Equal(0, client.Barrier());
    }

    [Fact]
    public void A_socket_in_use_is_left_to_its_owner()
    {
        using AgentHarness first = Listen();

        Assert.Equal($"punix:{SocketPath}: the socket is in use by a running process (this process)", StartError());
        using OfClient client = OfClient.Connect($"unix:{SocketPath}", Patience);
        Assert.Equal(0, client.Barrier());
    }

    [Fact]
    public void A_file_that_is_no_socket_is_left_alone()
    {
        File.WriteAllText(SocketPath, "precious");

        Assert.Equal($"punix:{SocketPath}: the file exists and is no socket", StartError());
        Assert.Equal("precious", File.ReadAllText(SocketPath));
    }

    [Fact]
    public void The_switch_connects_to_a_controller_on_a_socket()
    {
        using LearningController controller = new(new LearningOptions { Listen = $"punix:{SocketPath}" });
        controller.Start();
        using AgentHarness harness = new(new AgentOptions { Controllers = [AgentHarness.Target($"unix:{SocketPath}")] });
        harness.WaitForLog("connected");

        Eventually.True(() => harness.ReadMissBehaviour() == MissBehaviour.Controller, "the controller is in charge");
    }

    [Fact]
    public void A_path_the_kernel_does_not_take_is_an_error_on_both_sides()
    {
        string path = "/tmp/" + new string('x', 200);
        Assert.Contains(path, Assert.Throws<OfClientException>(() => OfClient.Connect($"unix:{path}", Patience)).Message, StringComparison.Ordinal);

        Assert.Equal($"punix:{path}: the path is longer than the kernel takes for a socket", StartError(path));
    }

    private AgentHarness Listen() => new(new AgentOptions { Listeners = [AgentHarness.Target($"punix:{SocketPath}")], TimeProvider = new TestTime() });

    private string StartError(string? path = null)
    {
        using DatapathControl control = new(new DatapathOptions { FrameCount = 64, MaxExactEntries = 16, MaxWildcardEntries = 16 });
        using SwitchAgent agent = new(control, new AgentOptions { Listeners = [AgentHarness.Target($"punix:{path ?? SocketPath}")] });
        return Assert.Throws<IOException>(agent.Start).Message;
    }
}
