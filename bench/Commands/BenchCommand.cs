using System.CommandLine;

namespace Softswitch.Bench.Commands;

/// <summary><c>softswitch bench</c>: whole-switch benchmarks, one command each. How they run is <see cref="BenchRunner"/>'s.</summary>
internal static class BenchCommand
{
    public static Command Create() => new("bench")
    {
        BenchCommandLine.Json,
        InProcessCommands.CreatePipeline(),
        InProcessCommands.CreateChurn(),
        InProcessCommands.CreateFlowMod(),
        InProcessCommands.CreateStall(),
        InProcessCommands.CreatePacketIn(),
        InProcessCommands.CreateNetFpga(),
        TestbedCommands.CreateIo(),
        TestbedCommands.CreateVhost(),
        TestbedCommands.CreateLatency(),
        TestbedCommands.CreateTopology(),
        ReportCommands.CreateCompare(),
        ReportCommands.CreateReport(),
    };
}
