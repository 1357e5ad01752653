using Softswitch.Bench.Sides;
using Softswitch.Bench.Vhost;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Report;

/// <summary>What keeps a benchmark from being run for a report, here and by this user.</summary>
internal static class ReportObstacles
{
    private static readonly Lazy<string?> NoNamespaces = new(static () =>
    {
        try
        {
            NetworkNamespace.Create().Dispose();
            return null;
        }
        catch (SystemCallException e)
        {
            return $"it needs root ({e.Message})";
        }
    });

    /// <summary>A line for people; null if nothing does.</summary>
    public static string? Find(ReportTopic topic) => topic switch
    {
        ReportTopic.Io or ReportTopic.Vhost when Environment.ProcessorCount < 2 => "it needs two processors",
        ReportTopic.Io => NoNamespaces.Value,
        ReportTopic.Vhost => NoNamespaces.Value ?? Missing([.. TestPmd.FindMissing()], TestPmd.InstallLine),
        ReportTopic.Topology => NoNamespaces.Value
            ?? Missing(OvsInstallation.FindProgram("iperf3") == null ? ["iperf3 is not there"] : [], "apt-get install iperf3"),
        ReportTopic.Compare => NoNamespaces.Value
            ?? Missing(OvsInstallation.Find(null, needsDpdk: true, out IReadOnlyList<string> missing) == null ? missing : [], OvsInstallation.DpdkInstallLine),
        _ => null,
    };

    private static string? Missing(IReadOnlyList<string> lines, string installLine) =>
        lines.Count == 0 ? null : $"{string.Join("; ", lines)}: on Debian or Ubuntu {installLine}";
}
