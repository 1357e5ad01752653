using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>What they start has seconds to answer in, and nothing else may take them.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class CrowdTestsAlone;

/// <summary>More connections than the process may have threads or descriptors for: it forwards, and answers who comes in good faith.</summary>
[Collection<CrowdTestsAlone>]
public sealed class CrowdTests
{
    private const int Port = 6654;

    /// <summary>Another one in each process of tests, or they would share the limit.</summary>
    private static readonly int Somebody = 1_000_000 + Environment.ProcessId;

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
        AssertSaidOnce(() => running.Error, "gave way");
        Assert.InRange(running.Error.Split("hardly any file descriptor left").Length, 1, 2);
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
        AssertSaidOnce(() => running.Error, "gave way");
        string[] lines = running.Error.Split('\n');
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
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        List<Socket> crowd = lab.Inside.Run(() => Gather(1000));
        lab.Ofctl("show");
        AssertSaidOnce(() => running.Error, "gave way", "more peers connected at once than can wait"); // one of them, or both
        Assert.Equal(0, lab.Inside.Run(ReadListenDrops)); // whose SYN is lost to a full backlog would come again a second later only
        crowd.ForEach(socket => socket.Dispose());
    }

    /// <summary>At least one reason at once, and again a minute later at the earliest, which is another line.</summary>
    private static void AssertSaidOnce(Func<string> log, params string[] reasons)
    {
        Eventually.True(() => reasons.Any(reason => log().Contains(reason, StringComparison.Ordinal)), log);
        Assert.All(reasons, reason => Assert.InRange(log().Split('\n').Count(line =>
            line.Contains(reason, StringComparison.Ordinal) && !line.EndsWith("since it was said last", StringComparison.Ordinal)), 0, 1));
    }

    /// <summary>Limits of processes do not hold for root: as a user who has no other process, who may read what we may.</summary>
    private static RunningCommand StartAsSomebody(CabledHosts lab, string processes)
    {
        RunningCommand running = lab.Inside.Start("prlimit", [$"--nproc={processes}",
            "setpriv", $"--reuid={Somebody}", $"--regid={Somebody}", "--clear-groups", "--inh-caps=+dac_override", "--ambient-caps=+dac_override",
            SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", "1=null:", "--listen", CabledHosts.Listen]);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        return running;
    }

    /// <summary>Connections that found no room in the backlog, of the calling thread's namespace (proc(5), net/netstat).</summary>
    private static long ReadListenDrops()
    {
        string[][] lines = [.. File.ReadLines("/proc/thread-self/net/netstat").Where(line => line.StartsWith("TcpExt:", StringComparison.Ordinal)).Select(line => line.Split(' '))];
        return long.Parse(lines[1][Array.IndexOf(lines[0], "ListenDrops")], CultureInfo.InvariantCulture);
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
}
