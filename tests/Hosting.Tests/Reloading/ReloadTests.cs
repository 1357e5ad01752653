using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Softswitch.Commands;
using Softswitch.Datapath.Pipeline;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.Reloading;

/// <summary>A configuration that is read again, on ports that need no interface.</summary>
public sealed class ReloadTests : IDisposable
{
    private static readonly (string Name, string Value)[] Base = [("port", "1=null:"), ("port", "2=null:"), ("frames", "2048"), ("stp", "true")];

    private readonly StreamLog _log = new(Stream.Null, LogFormat.Text, LogLevel.Information, new TestTime());
    private readonly TestCertificates _pki = new();
    private readonly string _file = Path.GetTempFileName();
    private readonly SwitchGroup _group;
    private readonly SwitchHost _switch;
    private IReadOnlyList<(string Name, string Value)> _settings = Base;

    public ReloadTests()
    {
        SwitchGroupOptions options = SwitchGroupOptions.Of(Read(null)) with { Source = numbering => SwitchGroupOptions.Of(Read(numbering!(string.Empty))) };
        _group = SwitchGroup.Start(options, _ => { }, _log);
        _switch = _group.Switches[0];
    }

    public void Dispose()
    {
        _group.Dispose();
        _log.Dispose();
        _pki.Dispose();
        File.Delete(_file);
    }

    /// <summary>Of every option that may change while the switch runs, another value than it has at first.</summary>
    public static TheoryData<string, string[]> Changeable => new()
    {
        { "port", ["1=null:", "3=null:"] },
        { "queue", ["1:5,max-rate=10M"] },
        { "controller", ["tcp:127.0.0.1:1"] },
        { "listen", ["ptcp:0:127.0.0.1"] },
        { "fail-mode", ["standalone"] },
        { "packet-in-rate", ["17"] },
        { "packet-in-burst", ["18"] },
        { "emergency-attempts", ["3"] },
        { "log-level", ["error"] },
        { "log-format", ["json"] },
    };

    /// <summary>The same of those that take a new start.</summary>
    public static TheoryData<string, string> Fixed => new()
    {
        { "datapath-id", "0000000000000007" }, { "name", "other" }, { "control", "punix:/tmp/other" }, { "web", "127.0.0.1:1" }, { "frames", "4096" },
        { "frame-size", "4096" }, { "buffers", "9" }, { "buffer-timeout", "9" }, { "action-memory", "9" }, { "emergency-flows", "9" }, { "workers", "2" },
        { "cpus", "0" }, { "idle", "spin" }, { "stp", "false" }, { "stp-priority", "9" }, { "stp-hello", "1" }, { "stp-max-age", "19" }, { "stp-forward-delay", "14" },
        { "state", "/tmp/state" },
    };

    [Fact]
    public void Every_option_is_among_those_that_are_tried()
    {
        string[] elsewhere = ["private-key", "certificate", "ca-cert", "bootstrap-ca-cert", "in-band", "netfpga", "flows", "take-over"];
        Assert.Equal(
            SwitchOption.All.Select(option => option.Name).Except(elsewhere).Order(),
            Changeable.Select(row => row.Data.Item1).Concat(Fixed.Select(row => row.Data.Item1)).Order());
        Assert.All(SwitchOption.All.Where(option => !elsewhere.Contains(option.Name)), option =>
            Assert.Equal(option.OnReload != null, Changeable.Any(row => row.Data.Item1 == option.Name)));
    }

    [Theory, MemberData(nameof(Changeable))]
    public void What_may_change_is_in_force_after_a_reload_and_back_after_another(string name, string[] values)
    {
        string[] before = Shown(name);
        Set(name, values);
        IReadOnlyList<string> report = _group.Reload("test");

        Assert.Contains(report, line => line.StartsWith(name, StringComparison.Ordinal));
        Assert.Equal(values, Shown(name));
        Assert.Equal(["nothing has changed"], _group.Reload("test"));
        _settings = Base;
        Assert.NotEmpty(_group.Reload("test"));
        Assert.Equal(before, Shown(name));
    }

    [Theory, MemberData(nameof(Fixed))]
    public void What_takes_a_new_start_is_named_and_the_rest_is_done(string name, string value)
    {
        string[] before = Shown(name);
        Set(name, value);
        Set("packet-in-rate", "3");
        IReadOnlyList<string> report = _group.Reload("test");

        Assert.Contains("packet-in-rate: 10000 -> 3", report);
        Assert.Contains(report, line => line.StartsWith($"{name}: ", StringComparison.Ordinal) && line.EndsWith($" -> {value} needs a new start", StringComparison.Ordinal));
        Assert.Equal(before, Shown(name));
        Assert.Contains(_group.DescribeOptions(all: false), line => line.StartsWith($"# {name}: ", StringComparison.Ordinal) && line.EndsWith("new start", StringComparison.Ordinal));
    }

    [Fact]
    public void Changes_reach_the_parts_of_the_switch()
    {
        using Socket controller = new(SocketType.Stream, ProtocolType.Tcp);
        controller.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        controller.Listen();
        Set("controller", $"tcp:{controller.LocalEndPoint}");
        Set("fail-mode", "standalone");
        Set("log-level", "error");
        Set("queue", "2:3,min-rate=1M,max-rate=2M");
        Set("port", "1=null:,rate=5M", "2=null:");
        Assert.Equal(
            ["port 1=null:,rate=5M: changed without a pause, was 1=null:", "queue 2:3,min-rate=1M,max-rate=2M: added",
                $"controller tcp:{controller.LocalEndPoint}: added", "fail-mode: secure -> standalone", "log-level: info -> error"],
            _group.Reload("test"));

        Assert.True(controller.Poll(TimeSpan.FromSeconds(60), SelectMode.SelectRead), "nobody connects");
        Assert.False(_log.IsEnabled(LogLevel.Warning));
        using (_switch.Control.EnterWithoutTable())
        {
            Assert.Equal(MissBehaviour.Normal, _switch.Control.Pipeline.MissBehaviour);
            Assert.Equal(5_000_000, _switch.Control.Queues.ReadRate(1));
            Assert.Equal(1_000_000, Assert.Single(_switch.Control.Queues.Read(2)).MinRate);
        }
        Set("queue", "2:3,min-rate=2M,max-rate=2M");
        Assert.Contains("queue 2:3,min-rate=2M,max-rate=2M: changed, was 2:3,min-rate=1M,max-rate=2M", _group.Reload("test"));
        Set("queue");
        Assert.Contains("queue 2:3,min-rate=2M,max-rate=2M: removed", _group.Reload("test"));
    }

    [Fact]
    public void Ports_without_a_number_keep_the_one_they_have()
    {
        string[] files = [.. Enumerable.Range(0, 3).Select(i => $"pcap:{_file}.{i}")];
        Set("port", files);
        _group.Reload("test");
        int[] numbers = NumbersOf(files);
        Set("port", files[2], files[0], "null:");
        Set("queue", $"{numbers[2]}:1,max-rate=1M"); // by the number it has, not by its place in the list
        _group.Reload("test");

        Assert.Equal((numbers[0], numbers[2]), (NumbersOf(files[0])[0], NumbersOf(files[2])[0]));
        Assert.DoesNotContain(NumbersOf("null:")[0], numbers);
        Array.ForEach(files, file => File.Delete(file["pcap:".Length..]));
    }

    [Fact]
    public void A_port_added_by_hand_stays_until_the_file_has_another_of_its_number()
    {
        _switch.AddPort("7=null:");
        ushort own = _switch.AddProgramPort("mine").Number;
        Set("port", "1=null:");
        Assert.Equal(["port 2=null:: removed"], _group.Reload("test"));
        Assert.Equal([1, own, 7], _switch.ReadPorts().Select(port => (int)port.Number).Order());

        Set("port", "1=null:", $"7=pcap:{_file}");
        OptionException refused = Assert.Throws<OptionException>(() => _group.Reload("test"));
        Assert.Equal($"--port: '7=pcap:{_file}': the number belongs to '7=null:', which was added by hand (softswitch port del removes it)\nnothing was changed", refused.Message);
        Set("port", "1=null:", "7=null:");
        Assert.Equal(["nothing has changed"], _group.Reload("test")); // it is the file's now
        Set("port", "1=null:");
        Assert.Equal(["port 7=null:: removed"], _group.Reload("test"));
    }

    [Fact]
    public void A_port_removed_by_hand_comes_back()
    {
        _switch.RemovePort(2);
        Assert.Equal(["port 2=null:: added"], _group.Reload("test"));
        Assert.Equal([1, 2], _switch.ReadPorts().Select(port => (int)port.Number));
    }

    [Fact]
    public void Where_one_thing_fails_everything_is_changed_back()
    {
        using Socket taken = new(SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        int port = ((IPEndPoint)taken.LocalEndPoint!).Port;
        IReadOnlyList<string> before = _group.DescribeOptions(all: true);
        Set("port", "2=pcap:/nonexistent/file", "1=null:,rate=4M", "4=null:"); // 2 makes way for another, which cannot be
        Set("queue", "1:0,min-rate=1M");
        Set("controller", "tcp:127.0.0.1:1");
        Set("listen", "ptcp:0:127.0.0.1");
        OptionException late = Assert.Throws<OptionException>(() => _group.Reload("test"));
        Assert.EndsWith("\nall that had been changed was changed back", late.Message, StringComparison.Ordinal);
        Assert.Contains("/nonexistent/file", late.Message, StringComparison.Ordinal);
        AssertAsBefore(before);

        Set("port", "1=null:", "2=null:", "4=null:");
        Set("listen", $"ptcp:{port}:127.0.0.1");
        OptionException early = Assert.Throws<OptionException>(() => _group.Reload("test"));
        Assert.StartsWith($"ptcp:{port}:127.0.0.1: Address already in use", early.Message, StringComparison.Ordinal);
        Assert.EndsWith("\nall that had been changed was changed back", early.Message, StringComparison.Ordinal);
        AssertAsBefore(before);

        Set("listen");
        Set("queue", "1:0,min-rate=3M");
        Set("port", "1=null:,rate=2M", "2=null:");
        Assert.Contains("promise 3Mbit/s, the port has 2Mbit/s", Assert.Throws<OptionException>(() => _group.Reload("test")).Message, StringComparison.Ordinal);
        AssertAsBefore(before);
    }

    [Fact]
    public void A_broken_file_leaves_everything_as_it_was()
    {
        IReadOnlyList<string> before = _group.DescribeOptions(all: true);
        Set("workers", "many");
        Set("port", "1=null:", "3=packet:x,rx-slots=3");
        string[] lines = Assert.Throws<OptionException>(() => _group.Reload("test")).Message.Split('\n');
        Assert.StartsWith("port '3=packet:x,rx-slots=3': rx-slots=3: ", lines[0], StringComparison.Ordinal);
        Assert.Equal("--workers: 'many' is not a number from 1 to 64", lines[1]);
        Assert.Equal("nothing was changed", lines[^1]);
        AssertAsBefore(before);
    }

    [Fact]
    public void A_listener_makes_way_for_another_at_its_port()
    {
        Set("listen", "ptcp:0:127.0.0.1");
        _group.Reload("test");
        int port = PortOf();
        Set("listen", $"ptcp:{port}:127.0.0.1");
        _group.Reload("test");
        Set("listen", $"ptcp:{port}");
        Assert.Equal([$"listen ptcp:{port}:127.0.0.1: removed", $"listen ptcp:{port}: added"], _group.Reload("test"));
        using Socket peer = new(SocketType.Stream, ProtocolType.Tcp);
        peer.Connect(IPAddress.Loopback, port);

        static int PortOf()
        {
            using Socket free = new(SocketType.Stream, ProtocolType.Tcp);
            free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            return ((IPEndPoint)free.LocalEndPoint!).Port;
        }
    }

    [Fact]
    public void Certificates_are_read_again_and_bad_ones_refused()
    {
        (string key, string certificate) = _pki.Issue("switch");
        Set("listen", "pssl:0:127.0.0.1");
        Set("private-key", key);
        Set("certificate", certificate);
        Set("ca-cert", _pki.Authority);
        Assert.Contains($"certificate: none -> {certificate}", _group.Reload("test"));
        Assert.Equal(["nothing has changed"], _group.Reload("test"));
        (string newKey, string newCertificate) = _pki.Issue("renewed");
        File.Copy(newCertificate, certificate, overwrite: true);
        Assert.Contains("does not belong to the certificate", Assert.Throws<OptionException>(() => _group.Reload("test")).Message, StringComparison.Ordinal);
        File.Copy(newKey, key, overwrite: true);
        Assert.Equal(["private-key, certificate and CA: read again"], _group.Reload("test"));
    }

    [Fact]
    public void Without_a_source_there_is_nothing_to_read_again()
    {
        using SwitchGroup bare = SwitchGroup.Start(SwitchGroupOptions.Of(new SwitchOptions { Datapath = new() { FrameCount = 2048 } }));
        Assert.Equal(
            "there is no file to read again: the switch was started without --config\nnothing was changed",
            Assert.Throws<OptionException>(() => bare.Reload("test")).Message);
    }

    [Fact]
    public void What_is_in_force_is_a_file_that_gives_the_same()
    {
        Set("controller", "tcp:127.0.0.1:1", "unix:/tmp/a: #b");
        Set("queue", "2:3,min-rate=1M,max-rate=2M");
        _group.Reload("test");
        _switch.AddPort("9=null:,rate=1G");
        foreach (bool all in (bool[])[false, true])
        {
            File.WriteAllLines(_file, _group.DescribeOptions(all));
            SwitchOptions read = SwitchOptionsReader.Read(SettingsFile.Read(_file, []).Settings);
            Assert.All(SwitchOption.All, option => Assert.Equal(option.Show(_group.ReadOptions(_switch)), option.Show(read)));
        }
    }

    [Fact]
    public void Reloads_that_come_at_once_wait_for_one_another_and_packets_pass_meanwhile()
    {
        ProgramPort left = _switch.AddProgramPort("left", 100);
        ProgramPort right = _switch.AddProgramPort("right", 101);
        _switch.AddFlow("in_port=100,actions=output:101");
        byte[] frame = TestPacket.Udp();
        using CancellationTokenSource stop = new();
        long sent = 0;
        long received = 0;
        byte[] buffer = new byte[2048];
        Thread traffic = new(() =>
        {
            while (!stop.IsCancellationRequested || received < sent)
            {
                if (sent - received < 64 && !stop.IsCancellationRequested && left.TrySend(frame))
                {
                    sent++;
                }
                received += right.TryReceive(buffer, out _) ? 1 : 0;
            }
        })
        { IsBackground = true };
        traffic.Start();
        ConcurrentQueue<string> lines = new();
        Thread[] reloaders =
        [
            .. Enumerable.Range(0, 2).Select(i => new Thread(() =>
            {
                for (int round = 0; round < 20; round++)
                {
                    lock (_pki)
                    {
                        Set("port", "1=null:", $"{3 + (i * 20) + round}=null:");
                        Set("packet-in-rate", $"{100 + round}");
                    }
                    foreach (string line in _group.Reload($"test {i}"))
                    {
                        lines.Enqueue(line);
                    }
                }
            }) { IsBackground = true }),
        ];
        Array.ForEach(reloaders, reloader => reloader.Start());
        Array.ForEach(reloaders, reloader => reloader.Join());
        stop.Cancel();
        Eventually.True(() => !traffic.IsAlive, () => $"{sent - received} of {sent} packets did not come");
        Assert.Equal(lines.Count(line => line.EndsWith(": added", StringComparison.Ordinal)), lines.Count(line => line.EndsWith(": removed", StringComparison.Ordinal)));
        Assert.Equal(4, _switch.ReadPorts().Count);
    }

    private SwitchOptions Read(PortNumbering? numbering) =>
        SwitchOptionsReader.Read([.. _settings.Select(one => new Setting(one.Name, one.Value, $"--{one.Name}"))], numbering);

    private void Set(string name, params string[] values) =>
        _settings = [.. _settings.Where(one => one.Name != name), .. values.Select(value => (name, value))];

    private string[] Shown(string name) => [.. SwitchOption.All.Single(option => option.Name == name).Show(_group.ReadOptions(_switch))];

    private int[] NumbersOf(params string[] bodies) =>
        [.. bodies.Select(body => (int)_switch.Configuration.ReadOptions().Ports.Single(port => port.Spec.Body == body).Number)];

    private void AssertAsBefore(IReadOnlyList<string> before)
    {
        Assert.Equal(before, _group.DescribeOptions(all: true));
        Assert.Equal([1, 2], _switch.ReadPorts().Select(port => (int)port.Number));
        using (_switch.Control.EnterWithoutTable())
        {
            Assert.Empty(_switch.Control.Queues.Read(1));
            Assert.Equal(0, _switch.Control.Queues.ReadRate(1));
        }
        Assert.Empty(_switch.ReadConnections());
    }
}
