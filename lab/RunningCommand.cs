using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Softswitch.Lab.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Lab;

/// <summary>How a command ended and what it said.</summary>
/// <param name="Command">The command line, for messages.</param>
/// <param name="ExitCode">-1 if it did not start, or was ended.</param>
internal sealed record CommandResult(string Command, int ExitCode, string Output, string Error)
{
    /// <summary>Itself if the exit code is 0.</summary>
    /// <exception cref="InvalidOperationException">The command failed; the message carries everything it said.</exception>
    public CommandResult Checked() => ExitCode == 0
        ? this
        : throw new InvalidOperationException($"'{Command}' ended with {ExitCode}: {Error}{Output}");
}

/// <summary>A program that runs beside us; killed with its children when disposed.</summary>
/// <remarks>Threads: any. Output is gathered as it comes.</remarks>
internal sealed class RunningCommand : IDisposable
{
    /// <summary>Of a command that is run to its end.</summary>
    public static readonly TimeSpan UsualLimit = TimeSpan.FromSeconds(30);

    private const int PollMilliseconds = 10;
    private const int FewLines = 10;

    // Long enough for a program to end what it has started itself.
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();
    private readonly string _command;
    private CancellationTokenRegistration _killed;

    private RunningCommand(Process process, string command)
    {
        _process = process;
        _command = command;
        process.OutputDataReceived += (_, line) => Append(_output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(_error, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int ProcessId => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Standard output so far.</summary>
    public string Output => Read(_output);

    /// <summary>Standard error so far.</summary>
    public string Error => Read(_error);

    /// <summary>The last lines of both, in one.</summary>
    public string LastLines => string.Join("; ", (Error + Output).Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(FewLines));

    /// <param name="environment">Variables besides those of this process.</param>
    /// <param name="network">Where it starts; null for here.</param>
    /// <param name="processor">The only one it may use; goes with a network. Null for those of the calling thread.</param>
    /// <param name="listens">Whether it takes what <see cref="Say"/> writes; else its input is at its end.</param>
    /// <exception cref="Win32Exception">It cannot be started.</exception>
    public static RunningCommand Start(
        string file, IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string>? environment = null, NetworkNamespace? network = null, int? processor = null,
        bool listens = false)
    {
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
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
        if (!listens)
        {
            process.StandardInput.Close();
        }
        return new RunningCommand(process, $"{file} {string.Join(' ', start.ArgumentList)}");
    }

    /// <summary>Kills the program on cancellation. Waits for its end or for an answer end with it.</summary>
    /// <returns>Itself.</returns>
    public RunningCommand KilledBy(CancellationToken cancellation)
    {
        _killed = cancellation.Register(() => BeginKill());
        return this;
    }

    /// <summary>Runs a command to its end, within 30 seconds.</summary>
    /// <exception cref="TimeoutException">It takes longer; it has been ended.</exception>
    public static CommandResult Execute(string file, params string[] arguments)
    {
        using RunningCommand command = Start(file, arguments);
        return command.WaitForEnd(UsualLimit);
    }

    /// <summary>Runs a command to its end; one that does not start or takes too long is a result too, with the exit code -1.</summary>
    /// <param name="giveUp">As of <see cref="WaitForEnd"/>.</param>
    /// <exception cref="OperationCanceledException">Cancelled; the command has ended.</exception>
    public static CommandResult Try(
        string file, IEnumerable<string> arguments, TimeSpan limit, CancellationToken cancellation,
        IReadOnlyDictionary<string, string>? environment = null, Func<bool>? giveUp = null)
    {
        try
        {
            using RunningCommand command = Start(file, arguments, environment);
            return command.WaitForEnd(limit, () => cancellation.IsCancellationRequested || giveUp?.Invoke() == true);
        }
        catch (Exception e) when (e is Win32Exception or TimeoutException)
        {
            cancellation.ThrowIfCancellationRequested();
            return new CommandResult(file, -1, string.Empty, $"{file}: {e.Message}");
        }
    }

    /// <summary>Waits for the end and gives the result.</summary>
    /// <param name="giveUp">Looked at now and then: whether it cannot succeed any more.</param>
    /// <exception cref="TimeoutException">It ran on after <paramref name="limit"/>, or was given up; it has been ended.</exception>
    public CommandResult WaitForEnd(TimeSpan limit, Func<bool>? giveUp = null)
    {
        long start = Stopwatch.GetTimestamp();
        while (!_process.WaitForExit(PollMilliseconds))
        {
            if (giveUp?.Invoke() == true || Stopwatch.GetElapsedTime(start) > limit)
            {
                string threads = DescribeThreads();
                End();
                throw new TimeoutException($"'{_command}' was still running after {Stopwatch.GetElapsedTime(start)}; its threads: {threads}; it said: {Error}{Output}");
            }
        }
        _process.WaitForExit(); // the readers have seen the end too
        return new CommandResult(_command, _process.ExitCode, Output, Error);
    }

    /// <summary>Waits until the output or the error stream contains <paramref name="text"/>.</summary>
    /// <param name="giveUp">As of <see cref="WaitForEnd"/>.</param>
    /// <exception cref="TimeoutException">It did not appear within <paramref name="limit"/>, was given up, or the command ended without it.</exception>
    public void WaitForText(string text, TimeSpan limit, Func<bool>? giveUp = null)
    {
        long start = Stopwatch.GetTimestamp();
        while (!HasSaid())
        {
            bool ended = _process.WaitForExit(PollMilliseconds);
            if (ended)
            {
                _process.WaitForExit();
            }
            if (!HasSaid() && (ended || giveUp?.Invoke() == true || Stopwatch.GetElapsedTime(start) > limit))
            {
                throw new TimeoutException($"'{_command}' did not say '{text}'; it said: {Error}{Output}");
            }
        }

        bool HasSaid() => Output.Contains(text, StringComparison.Ordinal) || Error.Contains(text, StringComparison.Ordinal);
    }

    /// <summary>Writes a line to its standard input.</summary>
    /// <exception cref="IOException">It reads no more.</exception>
    public void Say(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>All its threads stand still.</summary>
    public void Stop() => ProcessSignal.TryStop(_process.Id);

    public void Continue() => ProcessSignal.TryContinue(_process.Id);

    /// <summary>Asks it to end, and kills it if it does not.</summary>
    public void End()
    {
        if (_process.HasExited)
        {
            return;
        }
        ProcessSignal.TryTerminate(_process.Id);
        Continue(); // a stopped process takes the signal when it goes on
        if (!_process.WaitForExit(EndPatience))
        {
            Kill();
        }
    }

    public void Dispose()
    {
        _killed.Dispose();
        Kill();
        _process.Dispose();
    }

    /// <summary>What each thread does: its name, its state and where in the kernel it waits (proc(5)).</summary>
    private string DescribeThreads()
    {
        try
        {
            return string.Join(", ", Directory.GetDirectories($"/proc/{_process.Id}/task")
                .Select(task =>
                {
                    string stat = File.ReadAllText($"{task}/stat");
                    int name = stat.IndexOf('(', StringComparison.Ordinal), end = stat.LastIndexOf(')');
                    return $"{stat[(name + 1)..end]} {stat[end + 2]} {File.ReadAllText($"{task}/wchan")}";
                })
                .CountBy(thread => thread).Select(kind => $"{kind.Value} {kind.Key}"));
        }
        catch (IOException)
        {
            return "gone";
        }
    }

    private void Kill()
    {
        if (BeginKill())
        {
            _process.WaitForExit(EndPatience);
        }
    }

    private bool BeginKill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false; // ended already
        }
    }

    private static void Append(StringBuilder builder, string? line)
    {
        if (line != null)
        {
            lock (builder)
            {
                builder.Append(line).Append('\n');
            }
        }
    }

    private static string Read(StringBuilder builder)
    {
        lock (builder)
        {
            return builder.ToString();
        }
    }
}
