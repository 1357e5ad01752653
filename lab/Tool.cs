using System.ComponentModel;
using System.Diagnostics;
using Softswitch.Ports.Linux;

namespace Softswitch.Lab;

/// <summary>How a program ended and what it said.</summary>
internal readonly record struct ToolResult(int ExitCode, string Output, string Error);

/// <summary>Runs a program to its end.</summary>
internal static class Tool
{
    private const int PollMilliseconds = 20;

    // Long enough for a program to end what it has started itself.
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(10);

    /// <param name="limit">It is ended after this, and its exit code is -1.</param>
    /// <param name="environment">Variables besides those of this process.</param>
    /// <param name="giveUp">Looked at now and then: whether it cannot succeed any more.</param>
    /// <exception cref="OperationCanceledException">Cancelled; the program has ended.</exception>
    public static ToolResult Run(
        string program, IEnumerable<string> arguments, TimeSpan limit, CancellationToken cancellation,
        IReadOnlyDictionary<string, string>? environment = null, Func<bool>? giveUp = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }
        try
        {
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            Task<string> error = process.StandardError.ReadToEndAsync(CancellationToken.None);
            long began = Stopwatch.GetTimestamp();
            bool ended;
            while (!(ended = process.WaitForExit(PollMilliseconds)))
            {
                if (cancellation.IsCancellationRequested || giveUp?.Invoke() == true || Stopwatch.GetElapsedTime(began) > limit)
                {
                    End(process);
                    break;
                }
            }
            cancellation.ThrowIfCancellationRequested();
            return new ToolResult(ended ? process.ExitCode : -1, output.Result, error.Result);
        }
        catch (Win32Exception e)
        {
            return new ToolResult(-1, string.Empty, $"{program}: {e.Message}");
        }
    }

    private static void End(Process process)
    {
        ProcessSignal.TryTerminate(process.Id);
        if (!process.WaitForExit(EndPatience))
        {
            process.Kill();
            process.WaitForExit();
        }
    }
}
