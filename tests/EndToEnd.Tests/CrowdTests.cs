using System.Net;
using System.Net.Sockets;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>What they start has seconds to answer in, and nothing else may take them.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class CrowdTestsAlone;

/// <summary>More connections than the process may have threads or descriptors for, and peers that stall: it forwards, and answers who comes in good faith.</summary>
[Collection<CrowdTestsAlone>]
public sealed class CrowdTests
{
    private const int Port = 6654;

    /// <summary>Far below what the first SYN lost to a full backlog would take, in three attempts.</summary>
    private static readonly TimeSpan Promptly = TimeSpan.FromSeconds(5);

    private static readonly byte[] Hello = Convert.FromHexString("0100000800000001");

    [Fact]
    public void Without_descriptors_to_spare_it_forwards_answers_and_says_so_once()
    {
        Needs.Namespaces("ovs-ofctl", "ping", "prlimit");
        using var lab = new CabledHosts();
        using RunningCommand running = lab.Inside.Start("prlimit", ["--nofile=130", SwitchProgram.Dotnet, SwitchProgram.Library, "run",
            "--port", "1=s1", "--port", "2=s2", "--fail-mode", "standalone", "--listen", CabledHosts.Listen]);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        List<Socket> crowd = lab.Inside.Run(() => Gather(100));
        lab.Ofctl("show");
        Assert.Equal(3, lab.Ping(1, 2));
        Assert.Single(running.Error.Split('\n'), line => line.Contains("gave way", StringComparison.Ordinal) || line.Contains("refused", StringComparison.Ordinal));
        crowd.ForEach(socket => socket.Dispose());
        lab.Ofctl("show");
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    [Fact]
    public void Without_threads_to_spare_it_answers_and_says_so_once_for_each_reason()
    {
        Needs.Namespaces("ovs-ofctl", "prlimit", "setpriv");
        using var lab = new CabledHosts(hosts: 1);
        int threads;
        using (RunningCommand free = StartAsSomebody(lab, processes: "1000"))
        {
            threads = Directory.GetDirectories($"/proc/{free.ProcessId}/task").Length;
        }
        using RunningCommand running = StartAsSomebody(lab, processes: $"{threads + 4}");
        List<Socket> crowd = lab.Inside.Run(() => Gather(60));
        lab.Ofctl("show");
        string[] lines = running.Error.Split('\n');
        Assert.InRange(lines.Count(line => line.Contains("gave way", StringComparison.Ordinal)), 1, 1);
        Assert.InRange(lines.Count(line => line.Contains("refused", StringComparison.Ordinal)), 0, 2);
        crowd.ForEach(socket => socket.Dispose());
        lab.Ofctl("show");
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    [Fact]
    public void A_thousand_idle_connections_make_nobody_wait()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts(hosts: 1);
        using RunningCommand running = lab.StartSwitch("--listen", CabledHosts.Listen);
        List<Socket> crowd = lab.Inside.Run(() => Gather(1000));
        lab.Inside.Execute(Promptly, "ovs-ofctl", ["-O", "OpenFlow10", "show", CabledHosts.Target]).Checked();
        Assert.Single(running.Error.Split('\n'), line => line.Contains("gave way", StringComparison.Ordinal));
        crowd.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public void Half_messages_that_grow_by_a_byte_now_and_then_lock_nobody_out_and_are_given_up()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts(hosts: 1);
        using RunningCommand running = lab.StartSwitch("--listen", CabledHosts.Listen);
        List<Socket> crowd = lab.Inside.Run(() => Gather(64));
        crowd.ForEach(socket => socket.Send([.. Hello, .. Convert.FromHexString("0102ffff")]));
        lab.Inside.Execute(Promptly, "ovs-ofctl", ["-O", "OpenFlow10", "show", CabledHosts.Target]).Checked();
        Eventually.True(() => crowd.TrueForAll(socket => !TrySend(socket, 0)), () => running.Error);
        running.WaitForText("the rest of a message did not come", SwitchProgram.Patience);
        Assert.Single(running.Error.Split('\n'), line => line.Contains("the rest of a message did not come", StringComparison.Ordinal));
        crowd.ForEach(socket => socket.Dispose());
    }

    /// <summary>Limits of processes do not hold for root: as a user who has no other process, who may read what we may.</summary>
    private static RunningCommand StartAsSomebody(CabledHosts lab, string processes)
    {
        RunningCommand running = lab.Inside.Start("prlimit", [$"--nproc={processes}",
            "setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "--inh-caps=+dac_override", "--ambient-caps=+dac_override",
            SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", "1=null:", "--listen", CabledHosts.Listen]);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        return running;
    }

    private static List<Socket> Gather(int count)
    {
        List<Socket> sockets = [];
        for (int i = 0; i < count; i++)
        {
            Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
            socket.Connect(IPAddress.Loopback, Port);
            sockets.Add(socket);
        }
        return sockets;
    }

    private static bool TrySend(Socket socket, byte value)
    {
        socket.Send([value], SocketFlags.None, out SocketError error);
        return error == SocketError.Success;
    }
}
