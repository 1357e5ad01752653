using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Processes;
using Softswitch.OfAgent.Agent;
using Softswitch.Ports.Linux;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.Processes;

/// <summary>What a service manager is told, at a socket like its own.</summary>
public sealed class ServiceManagerTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-notify-");
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    public ServiceManagerTests() => _socket.Bind(new UnixDomainSocketEndPoint(Path));

    public void Dispose()
    {
        _socket.Dispose();
        _folder.Delete(recursive: true);
    }

    private string Path => $"{_folder.FullName}/notify";

    [Fact]
    public void Each_change_is_a_datagram_of_its_own()
    {
        using ServiceManager manager = new(Path, null);
        Assert.True(manager.IsPresent);
        manager.Ready();
        manager.Status("two ports\nSTOPPING=1");
        manager.Stopping();
        manager.Feed();
        manager.HandedOver(7);
        manager.TakenOver();
        Assert.Equal("READY=1", Next());
        Assert.Equal("STATUS=two ports STOPPING=1", Next());
        Assert.Equal("STOPPING=1", Next());
        Assert.Equal("WATCHDOG=1", Next());
        Assert.Equal("MAINPID=7", Next());
        Assert.Equal($"MAINPID={Environment.ProcessId}\nREADY=1", Next());
    }

    [Fact]
    public void A_reload_carries_the_time_at_which_it_began()
    {
        using ServiceManager manager = new(Path, null);
        long before = KernelClock.Nanoseconds / 1000;
        manager.Reloading();
        string[] lines = Next().Split('\n');
        Assert.Equal("RELOADING=1", lines[0]);
        Assert.StartsWith("MONOTONIC_USEC=", lines[1], StringComparison.Ordinal);
        Assert.InRange(long.Parse(lines[1].Split('=')[1], CultureInfo.InvariantCulture), before, KernelClock.Nanoseconds / 1000);
    }

    [Fact]
    public void An_address_that_begins_with_an_at_sign_is_abstract()
    {
        string name = $"softswitch-{Guid.NewGuid():n}";
        using Socket socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 60_000 };
        socket.Bind(new UnixDomainSocketEndPoint($"\0{name}"));
        using ServiceManager manager = new($"@{name}", null);
        manager.Ready();
        byte[] buffer = new byte[100];
        Assert.Equal("READY=1", Encoding.UTF8.GetString(buffer, 0, socket.Receive(buffer)));
    }

    [Theory, InlineData(null), InlineData(""), InlineData("vsock:2:1234"), InlineData("notify")]
    public void Without_a_socket_to_tell_there_is_no_manager(string? address)
    {
        using ServiceManager manager = new(address, TimeSpan.FromSeconds(1));
        manager.Ready();
        Assert.False(manager.IsPresent);
        Assert.Null(manager.Watchdog);
    }

    [Fact]
    public void A_manager_that_has_gone_is_no_error()
    {
        using ServiceManager manager = new(Path, null);
        _socket.Dispose();
        File.Delete(Path);
        manager.Ready();
        manager.Stopping();
    }

    [Fact]
    public void A_manager_that_does_not_read_does_not_hold_the_switch_up()
    {
        using ServiceManager manager = new(Path, null);
        // As many as the kernel queues (net.unix.max_dgram_qlen), and one that has to wait.
        int queued = int.Parse(File.ReadAllText("/proc/sys/net/unix/max_dgram_qlen"), CultureInfo.InvariantCulture) + 1;
        for (int i = 0; i <= queued; i++)
        {
            manager.Feed();
        }
        Assert.Equal("WATCHDOG=1", Next());
    }

    [Fact]
    public void A_running_switch_gives_signs_of_life_until_a_thread_is_stuck_and_again_once_it_works()
    {
        using SwitchGroup group = SwitchGroup.Start(SwitchGroupOptions.Of(new SwitchOptions { Datapath = new() { FrameCount = 2048 } }));
        SwitchHost host = group.Switches[0];
        using ManualResetEventSlim release = new(), entered = new();
        using ServiceManager manager = new(Path, TimeSpan.FromSeconds(10));
        List<string> log = [];
        using ServiceWatch watch = new(group, manager, new LineLogger(log.Add));
        watch.Look(0);
        Assert.Equal("WATCHDOG=1", Next());
        Assert.Equal("STATUS=0 ports, 0 up", Next());
        AllMoveOn(host);
        watch.Look(100_000);
        Assert.Equal("WATCHDOG=1", Next());

        host.PortChanged += (_, _) =>
        {
            entered.Set();
            release.Wait();
        };
        host.AddProgramPort("a");
        entered.Wait(TestContext.Current.CancellationToken);
        WorkersMoveOn(host);
        watch.Look(200_000); // it moved on before it was stuck
        while (_socket.Available > 0)
        {
            Next();
        }
        WorkersMoveOn(host);
        watch.Look(300_000);
        Assert.Equal(0, _socket.Available);
        Assert.Contains("the control thread has not moved on for 5 s: no more signs of life", Assert.Single(log), StringComparison.Ordinal);

        release.Set();
        AllMoveOn(host);
        watch.Look(400_000);
        Assert.Equal("WATCHDOG=1", Next());
        Assert.Contains("all threads work again", log[1], StringComparison.Ordinal);
    }

    /// <summary>Nothing but time passes, so this ends only if idle threads show that they live.</summary>
    private static void AllMoveOn(SwitchHost host) => MoveOn(host, threads => threads);

    private static void WorkersMoveOn(SwitchHost host) => MoveOn(host, threads => threads[..^1]);

    private static void MoveOn(SwitchHost host, Func<long[], long[]> which)
    {
        long[] before = which(Read());
        Eventually.True(() => which(Read()).Zip(before).All(pair => pair.First != pair.Second), "every thread moved on");

        long[] Read() => [.. host.ReadProgress().Select(thread => thread.Turns)];
    }

    private string Next()
    {
        byte[] buffer = new byte[1000];
        _socket.ReceiveTimeout = 60_000;
        return Encoding.UTF8.GetString(buffer, 0, _socket.Receive(buffer));
    }
}
