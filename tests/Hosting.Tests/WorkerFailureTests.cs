using System.Collections.Concurrent;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Connections;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests;

/// <summary>A worker that fails ends the switch: at once, for a reason that is said, and with the interfaces as they were.</summary>
[Trait("Ring", "peers")]
public sealed class WorkerFailureTests : IDisposable
{
    private readonly LabNode _inside;
    private readonly ConcurrentQueue<string> _log = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-worker-");

    public WorkerFailureTests()
    {
        Needs.Namespaces();
        _inside = new LabNode("w");
        VethCable.Lay(_inside.Network, "s1", _inside.Network, "p1");
        // The kernel says so some time after an end was set up, and what was found is compared with what is left.
        Eventually.True(() => Interfaces().Split("state UP").Length == 3, "both ends of the cable are up");
    }

    public void Dispose()
    {
        _inside.Dispose();
        _folder.Delete(recursive: true);
    }

    private string Socket => $"{_folder.FullName}/control";

    private string Listener => $"{_folder.FullName}/openflow";

    [Fact]
    public void A_worker_that_throws_is_named_and_the_switch_ends_while_a_controller_sends_barriers()
    {
        string before = Interfaces();
        SwitchHost host = Start();
        Assert.NotEqual(before, Interfaces());
        using CancellationTokenSource stop = new();
        Thread controller = SendBarriers(stop.Token);
        FailingPort port = new(static () => throw new IOException("the ring is on fire"));
        Add(host, port);
        AssertEnds(host, "worker 0 failed: IOException: the ring is on fire");
        Assert.True(port.IsClosed);
        AssertInterfacesAre(before);
        Assert.False(File.Exists(Socket));
        stop.Cancel();
        controller.Join();
    }

    [Fact]
    public void A_worker_that_is_stuck_is_found_out_by_whoever_waits_for_it()
    {
        string before = Interfaces();
        SwitchHost host = Start();
        using CancellationTokenSource stop = new();
        FailingPort port = new(static () => Thread.CurrentThread.Join()); // for ever: left behind: it must not wake up to closed rings
        Add(host, port);
        Thread controller = SendBarriers(stop.Token);
        AssertEnds(host, "worker 0 is stuck");
        AssertInterfacesAre(before);
        Assert.False(File.Exists(Socket));
        stop.Cancel();
        controller.Join();
    }

    private static void Add(SwitchHost host, IPortDevice port)
    {
        using (host.Control.EnterWithoutTable())
        {
            Assert.Equal(ControlError.None, host.Control.Ports.Add(2, port));
        }
    }

    private void AssertEnds(SwitchHost host, string reason)
    {
        Eventually.True(() => host.Failed.IsCancellationRequested, "it fails");
        Thread end = new(host.Dispose);
        end.Start();
        Eventually.Ended(end);
        Assert.Contains(_log, line => line.Contains(reason, StringComparison.Ordinal));
        Assert.Contains(reason, Assert.Throws<InvalidOperationException>(host.ThrowIfFailed).Message, StringComparison.Ordinal);
    }

    /// <summary>A program that another test starts just then has the switch's sockets until its exec.</summary>
    private void AssertInterfacesAre(string before) => Eventually.True(() => Interfaces() == before, Interfaces);

    private SwitchHost Start() => _inside.Run(() => SwitchGroup.StartAlone(
        new SwitchOptions
        {
            Ports = [PortOption.Parse("1=packet:s1")],
            Agent = new() { Listeners = [new ConnectionTarget(ConnectionTransport.Unix, IsPassive: true, Listener, 0)] },
            Control = new ConnectionTarget(ConnectionTransport.Unix, IsPassive: true, Socket, 0),
            Datapath = new() { FrameCount = 4096 },
        },
        static _ => { },
        new LineLogger(_log.Enqueue)));

    /// <summary>A controller that sends barriers until it is hung up on.</summary>
    private Thread SendBarriers(CancellationToken stop)
    {
        OfClient client = OfClient.Connect($"unix:{Listener}", Eventually.Bound);
        Thread thread = new(() =>
        {
            try
            {
                while (!stop.IsCancellationRequested)
                {
                    client.Barrier();
                }
            }
            catch (OfClientException)
            {
                // hung up on
            }
            finally
            {
                client.Dispose();
            }
        });
        thread.Start();
        return thread;
    }

    private string Interfaces() => _inside.Execute("ip", "-d", "-o", "link", "show").Checked().Output;
}
