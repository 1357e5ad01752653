using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Agent;

namespace Softswitch.Scenarios.Sweeps;

/// <summary>What made a run, and where: figures of two origins have no median in common.</summary>
/// <param name="Version">For people: the program's, with the commit it was built from if that is known.</param>
/// <param name="Build">As of <see cref="SelfExecutable.ReadBuild"/>.</param>
internal sealed record SweepOrigin(
    string Scenario, bool Small, bool Guests, string Version, string Build, string Processor, int Cores, string Kernel)
{
    /// <summary>Of what this program, on this machine, is about to run.</summary>
    public static SweepOrigin Read(Scenario scenario, ScenarioOptions options) => new(
        scenario.Name, options.Small, options.UsesGuests, ReadVersion(), SelfExecutable.ReadBuild(),
        Machine.Processor, Environment.ProcessorCount, Machine.Kernel);

    /// <summary>Why runs of another origin do not go with this one's, for people; null if they do.</summary>
    public string? Refuse(SweepOrigin other) =>
        other.Scenario != Scenario ? $"its runs are of {other.Scenario}, not of {Scenario}"
        : other.Small != Small ? $"its runs are {Without(other.Small)} --small, not {Without(Small)}"
        : other.Guests != Guests ? $"its runs are {Without(other.Guests)} --vm, not {Without(Guests)}"
        : other.Build != Build ? $"its runs are of build {other.Build} of {other.Version}, and this is {Build} of {Version}"
        : (other.Processor, other.Cores) != (Processor, Cores) ? $"its runs are of another machine, {other.Processor}, {other.Cores} cores"
        : null;

    private static string ReadVersion()
    {
        const int HashLength = 40;
        string commit = SourceCommit.Read();
        return commit.Length < HashLength ? AgentOptions.ProgramVersion : $"{AgentOptions.ProgramVersion}+{commit[..12]}{commit[HashLength..]}";
    }

    private static string Without(bool isThere) => isThere ? "with" : "without";
}
