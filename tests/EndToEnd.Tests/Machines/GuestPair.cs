using System.Text.Json.Nodes;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Lab.Machines;
using static Softswitch.Lab.AddressLiterals;

namespace Softswitch.EndToEnd.Tests.Machines;

/// <summary>Two guests with vhost-user cards, m1 of two queues. They are booted once; every test runs a switch of its own between them, which comes to them as a switch does that was started again.</summary>
public sealed class GuestPair : IDisposable
{
    /// <summary>Of m2, as m1 calls it.</summary>
    public const string Far = "10.0.0.2";

    private const int ExtraMegabytes = 128; // a block, the least that Linux takes

    private readonly Lazy<LabNode> _node = new(() => new LabNode("s")); // not before a test has asked whether this can be
    private readonly Lazy<LabMachine[]> _machines;

    public GuestPair() => _machines = new Lazy<LabMachine[]>(Boot);

    internal LabMachine Near => _machines.Value[0];

    internal LabMachine Distant => _machines.Value[1];

    private LabNode Node => _node.Value;

    private string[] Ports { get; set; } = [];

    /// <summary>Starts a switch between the guests and waits until packets pass.</summary>
    internal RunningCommand StartSwitch()
    {
        _ = _machines.Value;
        RunningCommand running = StartProgram();
        AwaitReach(running);
        return running;
    }

    /// <summary>Waits until one guest reaches the other.</summary>
    internal void AwaitReach(RunningCommand running) => AwaitReach(_machines.Value, running);

    /// <summary>Gives the second guest more memory while it runs.</summary>
    internal void AddMemory()
    {
        Distant.Control.Execute("object-add", new JsonObject
        {
            ["qom-type"] = "memory-backend-memfd",
            ["id"] = "more",
            ["size"] = ExtraMegabytes << 20,
            ["share"] = true,
        });
        Distant.Control.Execute("device_add", new JsonObject { ["driver"] = "pc-dimm", ["id"] = "dimm", ["memdev"] = "more" });
    }

    public void Dispose()
    {
        if (_machines.IsValueCreated)
        {
            Array.ForEach(_machines.Value, machine => machine.Dispose());
        }
        if (_node.IsValueCreated)
        {
            Node.Dispose();
        }
    }

    private RunningCommand StartProgram()
    {
        RunningCommand running = Node.Start(
            SwitchProgram.Dotnet,
            [SwitchProgram.Library, "run", "--port", $"1={Ports[0]}", "--port", $"2={Ports[1]}", "--listen", CabledHosts.Listen, "--workers", "2"]);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        CabledHosts.Ofctl(Node, "add-flow", "in_port=1,actions=output:2");
        CabledHosts.Ofctl(Node, "add-flow", "in_port=2,actions=output:1");
        return running;
    }

    private LabMachine[] Boot()
    {
        Node.Links.SetUp("lo");
        LabMachine[] machines =
        [
            new("m1", Mac("02:00:00:00:00:01"), Prefix("10.0.0.1/24")) { Cable = MachineCable.VhostUser, Queues = 2 },
            new("m2", Mac("02:00:00:00:00:02"), Prefix($"{Far}/24"))
            {
                // Memory that may come above 4 GiB has the kernel set 64 MiB aside for devices that do not reach it (swiotlb).
                Cable = MachineCable.VhostUser, Memory = 192, Arguments = ["-m", "slots=1,maxmem=512M"],
            },
        ];
        try
        {
            Ports = Array.ConvertAll(machines, machine => machine.Connect(Node, string.Empty));
            using RunningCommand running = StartProgram();
            Parallel.ForEach(machines, machine => machine.Start());
            AwaitReach(machines, running);
            return machines;
        }
        catch
        {
            Array.ForEach(machines, machine => machine.Dispose());
            throw;
        }
    }

    private static void AwaitReach(LabMachine[] machines, RunningCommand running) => Testing.Eventually.True(
        () => machines[0].Execute($"ping -c 1 -W 1 {Far}").ExitCode == 0,
        () => $"{running.Output}{running.Error}\n{machines[0].Console}\n{machines[1].Console}");
}
