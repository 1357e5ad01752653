using System.Text.Json;
using System.Text.Json.Nodes;
using Softswitch.Lab;
using Softswitch.Ports.Linux.Netlink;

namespace Softswitch.Scenarios;

/// <summary>Figures of one core without hosts, as <c>softswitch bench</c> measures them, in a process of its own.</summary>
internal static class ScenarioBench
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <param name="arguments">Behind <c>softswitch bench</c>.</param>
    /// <exception cref="TestbedException">It found nothing that could be believed.</exception>
    public static JsonObject Run(CancellationToken cancellation, params string[] arguments)
    {
        // The network it shares with us is a new one, where not even loopback is up; some benchmarks talk to themselves by it.
        using (NetlinkSocket links = NetlinkSocket.Open())
        {
            links.SetUp("lo");
        }
        CommandResult said = RunningCommand.Try(OwnProgram.Command[0], [.. OwnProgram.Command.Skip(1), "bench", .. arguments, "--json"], Limit, cancellation);
        try
        {
            return said.ExitCode == 0 && JsonNode.Parse(said.Output) is JsonObject result
                ? result
                : throw new TestbedException($"bench {string.Join(' ', arguments)}: {said.Error.Trim().ReplaceLineEndings("; ")}");
        }
        catch (JsonException e)
        {
            throw new TestbedException($"bench {string.Join(' ', arguments)}: {e.Message}", e);
        }
    }
}
