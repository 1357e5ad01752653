using System.Diagnostics;
using Softswitch.Ports.Linux;

namespace Softswitch.Benchmarks.Compare;

/// <summary>A program that runs beside us until it is disposed. Its output goes nowhere: it has a log file.</summary>
internal sealed class Daemon : IDisposable
{
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(5);

    private readonly Process _process;

    private Daemon(Process process) => _process = process;

    public int ProcessId => _process.Id;

    public bool HasEnded => _process.HasExited;

    /// <param name="environment">Variables besides those of this process.</param>
    /// <param name="network">Where it starts; null for here.</param>
    /// <exception cref="System.ComponentModel.Win32Exception">It cannot be started.</exception>
    public static Daemon Start(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, NetworkNamespace? network = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }
        Process process = network == null ? Process.Start(start)! : network.Run(() => Process.Start(start)!);
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new Daemon(process);
    }

    /// <summary>All its threads stand still.</summary>
    public void Stop() => ProcessSignal.TryStop(_process.Id);

    public void Continue() => ProcessSignal.TryContinue(_process.Id);

    /// <summary>Asks it to end, and kills it if it does not.</summary>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            ProcessSignal.TryTerminate(_process.Id);
            Continue(); // a stopped process takes the signal when it goes on
            if (!_process.WaitForExit(EndPatience))
            {
                _process.Kill();
                _process.WaitForExit();
            }
        }
        _process.Dispose();
    }
}
