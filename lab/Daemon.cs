using System.Diagnostics;
using Softswitch.Ports.Linux;

namespace Softswitch.Lab;

/// <summary>A program that runs beside us until it is disposed.</summary>
internal sealed class Daemon : IDisposable
{
    private const int MostLines = 10;

    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(5);

    private readonly Process _process;

    private readonly Queue<string> _said = [];

    private Daemon(Process process)
    {
        _process = process;
        process.StandardInput.Close();
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int ProcessId => _process.Id;

    public bool HasEnded => _process.HasExited;

    /// <summary>The last lines it said.</summary>
    public string Said
    {
        get
        {
            lock (_said)
            {
                return string.Join('\n', _said);
            }
        }
    }

    /// <param name="environment">Variables besides those of this process.</param>
    /// <param name="network">Where it starts; null for here.</param>
    /// <param name="processor">The only one it may use; goes with a network. Null for those of the calling thread.</param>
    /// <exception cref="System.ComponentModel.Win32Exception">It cannot be started.</exception>
    public static Daemon Start(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, NetworkNamespace? network = null, int? processor = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }
        Process process = network == null ? Process.Start(start)! : network.Run(() =>
        {
            if (processor is int only)
            {
                ProcessorAffinity.TrySet([only]); // of this thread, which ends here; the program inherits it
            }
            return Process.Start(start)!;
        });
        return new Daemon(process);
    }

    /// <summary>All its threads stand still.</summary>
    public void Stop() => ProcessSignal.TryStop(_process.Id);

    public void Continue() => ProcessSignal.TryContinue(_process.Id);

    /// <summary>Waits until it ends by itself, and has said all.</summary>
    /// <returns>Its exit code; null if it runs on after <paramref name="limit"/>.</returns>
    /// <exception cref="OperationCanceledException">Cancelled; it runs on.</exception>
    public int? WaitForEnd(TimeSpan limit, CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        while (!_process.WaitForExit(20))
        {
            cancellation.ThrowIfCancellationRequested();
            if (Stopwatch.GetElapsedTime(began) > limit)
            {
                return null;
            }
        }
        _process.WaitForExit();
        return _process.ExitCode;
    }

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

    private void Keep(string? line)
    {
        lock (_said)
        {
            if (line != null)
            {
                _said.Enqueue(line);
            }
            if (_said.Count > MostLines)
            {
                _said.Dequeue();
            }
        }
    }
}
