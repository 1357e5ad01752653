using System.Diagnostics;

namespace Softswitch.OfAgent.Tests.Text;

/// <summary>The real ovs-ofctl, as the oracle for ours.</summary>
internal static class OvsOfctl
{
    public const string WhyMissing = "ovs-ofctl 3.1 or later is not installed (apt-get install openvswitch-common)";
    private static readonly Lazy<bool> Found = new(Probe);

    /// <summary>Skips the running test, with the reason, where there is no ovs-ofctl.</summary>
    public static void Require() => Assert.SkipUnless(Found.Value, WhyMissing);

    /// <summary>Runs it and waits.</summary>
    public static (int ExitCode, string Output, string Error) Run(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("ovs-ofctl", arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.GetAwaiter().GetResult());
    }

    /// <summary>What it prints for messages as they stand on a connection.</summary>
    public static string Print(ReadOnlySpan<byte> messages)
    {
        string file = Path.Combine(Path.GetTempPath(), $"softswitch-{Guid.NewGuid():n}.of");
        try
        {
            File.WriteAllBytes(file, messages);
            return Run("ofp-parse", file).Output;
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>The flow-mods it makes of these flows, one line each.</summary>
    public static string[] ParseFlows(IEnumerable<string> flows)
    {
        string file = Path.Combine(Path.GetTempPath(), $"softswitch-{Guid.NewGuid():n}.flows");
        try
        {
            File.WriteAllLines(file, flows);
            (_, string output, string error) = Run("-O", "OpenFlow10", "parse-flows", file);
            string[] lines = [.. output.Split('\n').Where(l => l.Contains("FLOW_MOD", StringComparison.Ordinal))];
            Assert.True(lines.Length > 0, error);
            return lines;
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static bool Probe()
    {
        try
        {
            return Run("--version").ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
